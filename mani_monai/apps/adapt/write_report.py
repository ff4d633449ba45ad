"""Measures what an adaptation made and writes report.html and report.json."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from mani_monai.apps.adapt.adaptation_training import TrainingMaker
from mani_monai.apps.adapt.curves import read_curves
from mani_monai.apps.adapt.domains import SPLIT
from mani_monai.apps.adapt.evidence import Evidence
from mani_monai.apps.adapt.measurement import Measured, measure_labels, measure_model, measured_images, scored_images
from mani_monai.apps.adapt.methods import Plan
from mani_monai.apps.adapt.nuclei_figures import agreement
from mani_monai.apps.adapt.outcome import Outcome
from mani_monai.apps.adapt.page import render_page
from mani_monai.apps.adapt.report_pictures import curves_picture, panel_picture, sizes_picture
from mani_monai.apps.adapt.shown_fields import Field, shown_fields
from mani_monai.apps.adapt.verdict import NOT_ADAPTED, judge
from mani_monai.apps.prepare.domain_pair import Domains
from mani_monai.data.datalists import load_source_list, load_target_list
from mani_monai.data.pixel_size import PixelSize
from mani_monai.data.readers.rasters import read_image
from mani_monai.model import Model
from mani_monai.utils.atomic import replacing

PAGE, RECORD = "report.html", "report.json"


def write_report(
    out: Path,
    plan: Plan,
    make: TrainingMaker,
    domains: Domains,
    models: tuple[Model, Model],
    originals: Mapping[str, Path],
    size: PixelSize | None,
    settings: Mapping[str, str],
    notes: tuple[str, ...],
) -> Outcome:
    """Measures both models on the target and writes the report.

    Args:
        out: receives ``report.html`` and ``report.json``.
        plan: the trainings.
        make: knows where they lie.
        domains: the data sets.
        models: the source model and the adapted one, the same where nothing was adapted.
        originals: the target's image files by their names in the data set, which an inference would read.
        size: of all images' pixels; what each file says by default.
        settings: what was trained, in words by name.
        notes: sentences that a reader has to know.

    Returns:
        what they show.
    """
    items = load_target_list(domains.dataset_dir, domains.target, SPLIT)
    paths = [originals.get(Path(item["image"]).stem, Path(item["image"])) for item in items]
    after = measure_model(models[1], paths, size, "adapted model")
    before = after if models[0] is models[1] else measure_model(models[0], paths, size, "source model")
    labels = [item["label"] for item in load_source_list(domains.dataset_dir, domains.source, SPLIT)]
    evidence = Evidence(
        after.finite,
        before.scores,
        after.scores,
        before.nuclei,
        after.nuclei,
        measure_labels(labels),
        agreement(before.images, after.images),
    )
    shown = measured_images(paths)
    pairs = zip(shown, before.images, after.images, strict=True)
    outcome = Outcome(
        domains.source,
        domains.target,
        settings,
        notes,
        domains.left_out,
        evidence,
        {path.stem: float(((one.instances > 0) ^ (other.instances > 0)).mean()) for path, one, other in pairs},
        {run.method.title: read_curves(make.folder(run)) for run in plan.runs},
        NOT_ADAPTED if plan.before == plan.after else judge(evidence),
    )
    page = render_page(
        outcome,
        field_pictures(shown, before, after),
        curves_picture(outcome.curves),
        sizes_picture({"before": before.nuclei, "after": after.nuclei, "source's labels": evidence.source}),
        len(scored_images(paths)),
    )
    for name, text in ((PAGE, page), (RECORD, json.dumps(outcome.record(), indent=1) + "\n")):
        with replacing(out / name) as partial:
            partial.write_text(text, encoding="utf-8")
    return outcome


def field_pictures(
    paths: Sequence[Path], before: Measured, after: Measured, suspicious: Collection[int] = ()
) -> dict[str, bytes]:
    """Pictures of fields by their captions: the image, then each model's outlines.

    Args:
        paths: the measured images.
        before: the source model on them.
        after: the adapted one.
        suspicious: numbers of images that are shown last.
    """
    pictures = {}
    for name, field in shown_fields(before.images, after.images, suspicious):
        pixels = read_image(paths[field.image]).pixels[field.part]
        maps = [measured.images[field.image].instances[field.part] for measured in (before, after)]
        pictures[_caption(name, paths[field.image].name, field)] = panel_picture(pixels, maps)
    return pictures


def _caption(name: str, image: str, field: Field) -> str:
    place = f"rows {field.row} to {field.row + field.height}, columns {field.column} to {field.column + field.width}"
    return f"{name.capitalize()} of {image}: {field.before} nuclei before, {field.after} after ({place})"
