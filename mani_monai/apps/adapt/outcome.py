"""All that an adaptation has come to: what the report shows and report.json holds."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mani_monai.apps.adapt.evidence import Evidence
from mani_monai.apps.adapt.rules import KEEP, USE
from mani_monai.apps.adapt.shown_fields import UnsureField
from mani_monai.apps.adapt.verdict import Verdict
from mani_monai.evaluation.label_free_criteria import CRITERIA, DEFAULT_CRITERION
from mani_monai.utils.places import short_name

if TYPE_CHECKING:
    from mani_monai.apps.export.export_bundle import Exported

CANDIDATES = {"source": "the source's", "half": "half of each", "target": "the target's"}
"""Batch statistics in words, by the name of the candidate."""
VALIDATION_TAG = "dice"
"""Of the key metric on the source's validation images."""

Curves = Mapping[str, list[tuple[int, float]]]
"""By name, (iteration, value) in the order of the iterations."""


def read_curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Reads the scalars of a run's ``tensorboard`` folder.

    Of an iteration that was made twice, since a training was cut off after its last checkpoint, the later one counts.

    Args:
        folder: the run's.

    Returns:
        curves by their tag; none where nothing was logged.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[str, dict[int, tuple[float, float]]] = {}
    for file in sorted((folder / "tensorboard").rglob("events.out.tfevents.*")):
        log = EventAccumulator(str(file), size_guidance={"scalars": 0})
        log.Reload()
        for tag in log.Tags()["scalars"]:
            for event in log.Scalars(tag):
                known = found.setdefault(tag, {}).get(event.step)
                if known is None or event.wall_time >= known[0]:
                    found[tag][event.step] = (event.wall_time, event.value)
    return {tag: [(step, values[step][1]) for step in sorted(values)] for tag, values in sorted(found.items())}


@dataclass(frozen=True)
class ImageRow:
    """An image of the target in the report's table.

    Attributes:
        image: name of its file.
        before: nuclei that the source model finds in it.
        after: those of the adapted model.
        changed: the part of its pixels that the two call different.
        doubts: why it may not speak for the tissue.
    """

    image: str
    before: int
    after: int
    changed: float
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slides:
    """Slides that an adaptation's pictures were taken of.

    Attributes:
        path: a slide or a folder of slides.
        mpp: micrometres per pixel, where no slide says it.
    """

    path: str
    mpp: float | None = None


@dataclass(frozen=True)
class NextCommands:
    """What finds the nuclei of the target's images, or of the slides that they were taken of, by either model.

    Attributes:
        source: folder or zip of the source model.
        images: the target's folder.
        out: folder of the adaptation, which stands for the adapted model.
        mpp: as it was given.
        slides: None where the images are no windows of slides.
    """

    source: str
    images: str
    out: str
    mpp: float | None = None
    slides: Slides | None = None

    def of(self, outcome: str) -> dict[str, str]:
        """The command of the model that a verdict names, or of both, by "source model" and "adapted model"."""
        models = {"adapted model": (self.out, "nuclei"), "source model": (self.source, "nuclei_source")}
        if outcome in (USE, KEEP):
            models.pop("source model" if outcome == USE else "adapted model")
        return {name: self._command(*places) for name, places in models.items()}

    def _command(self, bundle: str, nuclei: str) -> str:
        command, images, mpp = ("infer", "--images"), self.images, self.mpp
        if self.slides is not None:
            command, images, mpp = ("slides", "--slides"), self.slides.path, self.slides.mpp
        size = [] if mpp is None else ["--mpp", f"{mpp:g}"]
        bundle = _from_here(str(short_name(Path(bundle))))
        images, out = map(_from_here, (images, str(Path(self.out) / nuclei)))
        return shlex.join(["mani", command[0], "--bundle", bundle, command[1], images, "--out", out, *size])


def _from_here(path: str) -> str:
    """A path as it is typed in the current folder; one that lies elsewhere as it is."""
    place, here = Path(path).expanduser().absolute(), Path.cwd()
    return str(place.relative_to(here)) if place.is_relative_to(here) else path


@dataclass(frozen=True)
class Outcome:
    """An adaptation, measured.

    Attributes:
        source: name of the labelled data set, or of the model that was given.
        target: name of the unlabelled images.
        settings: what was asked for and what was made of it, in words by name.
        notes: sentences that a reader has to know.
        left_out: one line for each file of the target's folder that is not used.
        evidence: what is known of both models.
        images: the measured images.
        curves: what the trainings logged, by name; none without a training.
        verdict: what the rules come to.
        commands: what to do next.
        scored: how many images the label-free scores are means over.
        candidates: label-free scores of the batch statistics that were chosen among, by name.
        check: figures of both models on labelled target images, which chose nothing; None without such.
        kept: the model is kept as it is, so that before and after are one.
        least_certain: fields to label first, of the measured images, where the adapted model is least sure.
    """

    source: str
    target: str
    settings: Mapping[str, str]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]
    evidence: Evidence
    images: tuple[ImageRow, ...]
    curves: Mapping[str, Curves]
    verdict: Verdict
    commands: NextCommands
    scored: int
    candidates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    check: Mapping[str, Any] | None = None
    kept: bool = False
    least_certain: tuple[UnsureField, ...] = ()

    def record(self) -> dict[str, Any]:
        """The content of ``report.json``."""
        e = self.evidence
        return {
            "source": self.source,
            "target": self.target,
            "settings": dict(self.settings),
            "notes": list(self.notes),
            "left_out": list(self.left_out),
            "kept": self.kept,
            "verdict": {
                "outcome": self.verdict.outcome,
                "line": self.verdict.line,
                "findings": [
                    {"rule": rule.name, "says": rule.outcome, "found": found, "reason": rule.reason}
                    for rule, found in self.verdict.findings
                ],
            },
            "next": self.commands.of(self.verdict.outcome),
            "criterion": DEFAULT_CRITERION,
            "label_free": {
                name: {
                    "before": e.scores_before[name],
                    "after": e.scores_after[name],
                    "higher_is_better": criterion.higher_is_better,
                }
                for name, criterion in CRITERIA.items()
            },
            "candidates": {name: dict(scores) for name, scores in self.candidates.items()},
            "nuclei": {
                "before": e.before.summary(),
                "after": e.after.summary(),
                **({} if e.source is None else {"source_labels": e.source.summary()}),
            },
            "agreement": e.agreement,
            "images": [asdict(row) for row in self.images],
            "least_certain": [{**asdict(one), "image": self.images[one.image].image} for one in self.least_certain],
            "oracle": self.check,
            "source_validation_dice": {
                name: curves[VALIDATION_TAG][-1][1] for name, curves in self.curves.items() if VALIDATION_TAG in curves
            },
        }


@dataclass(frozen=True)
class Adapted:
    """What an adaptation left.

    Attributes:
        report: the HTML page; ``report.json`` lies beside it.
        adapted: the exported bundle.
        source_model: the source model's export; None where it was given.
        verdict: whether to use it.
        commands: what to do next, by the model that is meant.
    """

    report: Path
    adapted: Exported
    source_model: Exported | None
    verdict: Verdict
    commands: Mapping[str, str]

    @property
    def last_lines(self) -> list[str]:
        """What a command says at its end: models, verdict, and the command of the model it names, alone on a line."""
        against = ", which the verdict is against" if self.verdict.outcome == KEEP else ""
        lines = [f"report:  {self.report}"]
        lines += [f"adapted: {self.adapted.folder} and {self.adapted.archive.name}{against}"]
        lines += [f"source model: {self.source_model.folder}"] if self.source_model else []
        lines += [f"verdict: {self.verdict.line}"]
        return lines + [part for name, line in self.commands.items() for part in (f"next, with the {name}:", line)]
