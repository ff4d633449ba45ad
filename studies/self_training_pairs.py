"""A model on a tissue: as it is, with the chosen statistics, and trained on its sure nuclei, beside the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mani_monai import Model
from mani_monai.apps.adapt.carried_certainty import with_carried_certainty
from mani_monai.apps.adapt.measurement import Measured, measured_images
from mani_monai.apps.adapt.self_training import SelfTraining, self_train
from mani_monai.apps.adapt.statistics_choice import (
    SOURCE,
    Choice,
    choose_statistics,
    judge_candidate,
    measure_candidate,
)
from mani_monai.apps.adapt.target_images import TargetImage, survey
from mani_monai.apps.steps.source_prototypes import source_prototypes
from mani_monai.evaluation.calibration import calibration_error, fit_calibration, reliability
from mani_monai.transforms.nuclei_table import calibrated, nuclei_table
from mani_monai.utils.places import place_of
from studies.self_training_page import ROW, SEED, STATISTICS, WITH_PROTOTYPES
from studies.statistics_pairs import RememberingModel, evidence_columns
from studies.unseen_tissue import Found, measure

MEANS = ("dice", "pq", "aji", "count_error", "dq", "sq")
SUMS = ("found", "true", "merges", "splits")
"""Figures of a row: means over images, and sums."""


@dataclass(frozen=True)
class Pair:
    """A model and a tissue, and what is known of them once the statistics are chosen.

    Attributes:
        model: as it was given.
        items: labelled images, those that are measured first.
        shown: paths of those that are measured.
        sound: images that may speak for the tissue.
        choice: among statistics.
    """

    model: Model
    items: Sequence[Mapping[str, str]]
    shown: Sequence[Path]
    sound: Sequence[TargetImage]
    choice: Choice

    @property
    def start(self) -> Model:
        """The model with the chosen statistics, and the source's calibration, which mani adapt does not give it."""
        adapted = self.choice.adapted(self.model)
        return replace(adapted, declaration=adapted.declaration.calibrated(self.model.declaration.calibration))

    @classmethod
    def of(cls, model: Model, items: Sequence[Mapping[str, str]]) -> Pair:
        """Chooses the statistics of a model for labelled images, whose labels choose nothing."""
        by_path = {Path(item["image"]): item for item in items}
        images, _ = survey(list(by_path), None, model.mpp, progress=False)
        sound = [image for image in images if not image.doubts]
        shown = measured_images([image.path for image in images])
        order = [by_path[path] for path in shown] + [item for path, item in by_path.items() if path not in set(shown)]
        return cls(model, order, shown, sound, choose_statistics(model, sound, progress=False))


def measured_ways(
    model: Model,
    items: Sequence[Mapping[str, str]],
    trainings: Sequence[tuple[str, int]],
    labelled: Sequence[Mapping[str, str]] | None = None,
    options: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    """A row of the model as it is, of the chosen statistics and of each training: what the rules read, then the truth.

    Args:
        model: the model.
        items: labelled images of the tissue.
        trainings: ways and seeds.
        labelled: images of the source, whose vectors a way may need.
        options: further overrides of the trainings' configs, name and value.
    """
    pair = Pair.of(model, items)
    choice = pair.choice
    facts = {"images": len(items), "chosen": choice.name}
    before = measured_way(pair, choice, SOURCE, model)
    yield {ROW: SOURCE, **facts, **before.row}
    adapted = choice.name != SOURCE
    start = measured_way(pair, choice, choice.name, choice.adapted(model), before.measured) if adapted else before
    yield {ROW: STATISTICS, **facts, **start.row}
    for way, seed in trainings:
        own = {"num_workers": "0", "seed": f"{seed}", **(options or {})}
        vectors = None
        if way == WITH_PROTOTYPES and labelled is not None:
            vectors = source_prototypes(choice.adapted(model, SOURCE), labelled, progress=False)
        with TemporaryDirectory() as folder:
            place = SelfTraining(Path(folder), place_of("bundles"), prototypes=vectors, options=own)
            done = self_train(choice.adapted(model), pair.sound, place)
        trained = choice.with_trained(done.model, way, pair.sound)
        row = measured_way(pair, trained, way, done.model, before.measured).row
        yield {ROW: way, **facts, SEED: seed, "said": done.said, **row}


@dataclass(frozen=True)
class Way:
    """A model of a pair, measured without labels, and its row."""

    measured: Measured
    row: dict[str, Any]


def measured_way(pair: Pair, choice: Choice, name: str, model: Model, before: Measured | None = None) -> Way:
    """Measures a model as mani adapt does, then holds it against the labels.

    Args:
        pair: what it is of.
        choice: that has its scores.
        name: of the candidate.
        model: the model.
        before: the source model, measured; None of itself.
    """
    remembering = RememberingModel.of(model)
    measured = measure_candidate(choice, name, remembering, pair.shown)
    evidence, verdict = judge_candidate(choice, name, before or measured, measured)
    probabilities = iter(remembering.probabilities)
    answers = iter(measured.images)

    def found(picture: Any) -> Found:
        if (known := next(answers, None)) is None:
            nuclei = model(picture)
            return Found(nuclei.instances, nuclei.table["mean_probability"])
        table = nuclei_table(known.instances, next(probabilities))
        return Found(known.instances, table["mean_probability"])

    truth = measure(pair.items, found)
    figures = {key: float(np.nanmean([row[key] for row in truth.rows])) for key in MEANS}
    sums = {key: sum(row[key] for row in truth.rows) for key in SUMS}
    said = {"verdict": verdict.outcome, "rules": ", ".join(rule.name for rule, _ in verdict.findings)}
    columns = {**choice.scores[name], **evidence_columns(measured, evidence.agreement)}
    certainty = certainty_columns(pair, model, truth.scores, truth.right)
    return Way(measured, {**said, **columns, **figures, **sums, **certainty})


def certainty_columns(pair: Pair, model: Model, scores: Sequence[float], right: Sequence[bool]) -> dict[str, float]:
    """Calibration errors: of the scores as they are, of the source's numbers, of numbers that are carried over.

    Args:
        pair: whose model may be calibrated.
        model: what has these scores.
        scores: of nuclei.
        right: whether each of them is right.
    """

    def error(temperature: float = 1.0, bias: float = 0.0) -> float:
        return calibration_error(reliability(calibrated(scores, temperature, bias), right))

    columns = {"error_raw": error()}
    if any(right) and not all(right):
        columns["own_temperature"], columns["own_bias"] = own = fit_calibration(scores, right)
        columns["error_own"] = error(*own)
    if given := pair.model.declaration.calibration:
        columns["error_source"] = error(**given)
        fields = [image.field for image in pair.sound]
        for name, known in {"carried": pair.model, "start": pair.start}.items():
            carried = with_carried_certainty(model, known, fields).declaration.calibration
            columns[f"error_{name}"] = error(**carried) if carried else float("nan")
    return columns
