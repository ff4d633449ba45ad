"""Measures what an adaptation made and writes report.html and report.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from mani_monai.apps.adapt.adaptation_training import TrainingMaker
from mani_monai.apps.adapt.comparison import Region, agreement, example_regions
from mani_monai.apps.adapt.curves import read_curves
from mani_monai.apps.adapt.domains import SPLIT
from mani_monai.apps.adapt.evidence import Evidence
from mani_monai.apps.adapt.given_model import GivenModel
from mani_monai.apps.adapt.measurement import Measured, measure_labels, measure_model, measured_images, scored_images
from mani_monai.apps.adapt.methods import Plan, Training
from mani_monai.apps.adapt.outcome import Outcome
from mani_monai.apps.adapt.page import render_page
from mani_monai.apps.adapt.predictor import Predictor
from mani_monai.apps.adapt.report_pictures import curves_picture, panel_picture, sizes_picture
from mani_monai.apps.adapt.start import NORMALISED
from mani_monai.apps.adapt.verdict import NOT_ADAPTED, judge
from mani_monai.apps.prepare.domain_pair import Domains
from mani_monai.data.datalists import load_source_list, load_target_list
from mani_monai.utils.atomic import replacing
from mani_monai.utils.files import weights_file

PAGE, RECORD = "report.html", "report.json"


def write_report(
    out: Path,
    plan: Plan,
    make: TrainingMaker,
    domains: Domains,
    given: GivenModel | None,
    settings: Mapping[str, str],
    notes: tuple[str, ...],
) -> Outcome:
    """Measures both models on the target and writes the report.

    Args:
        out: receives ``report.html`` and ``report.json``.
        plan: the trainings.
        make: knows where they lie.
        domains: the data sets.
        given: the source model, where it was given.
        settings: what was trained, in words by name.
        notes: sentences that a reader has to know.

    Returns:
        what they show.
    """
    items = load_target_list(domains.dataset_dir, domains.target, SPLIT)
    paths = [item["image"] for item in items]
    before, after = _models(plan, make, domains, given, paths)
    labels = [item["label"] for item in load_source_list(domains.dataset_dir, domains.source, SPLIT)]
    evidence = Evidence(
        after.finite,
        before.scores,
        after.scores,
        before.nuclei,
        after.nuclei,
        measure_labels(labels),
        agreement(before.masks, after.masks),
    )
    shown = measured_images(paths)
    pairs = zip(shown, before.masks, after.masks, strict=True)
    outcome = Outcome(
        domains.source,
        domains.target,
        settings,
        notes,
        domains.left_out,
        evidence,
        {Path(path).stem: float((one ^ other).mean()) for path, one, other in pairs},
        {run.method.title: read_curves(make.folder(run)) for run in plan.runs},
        NOT_ADAPTED if plan.before == plan.after else judge(evidence),
    )
    page = render_page(
        outcome,
        _region_pictures(shown, before, after),
        curves_picture(outcome.curves),
        sizes_picture({"before": before.nuclei, "after": after.nuclei, "source's labels": evidence.source}),
        len(scored_images(paths)),
    )
    for name, text in ((PAGE, page), (RECORD, json.dumps(outcome.record(), indent=1) + "\n")):
        with replacing(out / name) as partial:
            partial.write_text(text, encoding="utf-8")
    return outcome


def _models(
    plan: Plan, make: TrainingMaker, domains: Domains, given: GivenModel | None, paths: list[str]
) -> tuple[Measured, Measured]:
    """The source model and the adapted one, measured; the same where they are."""

    def predictor(run: Training) -> Predictor:
        return Predictor(run, domains.dataset_dir, domains.largest)

    after = measure_model(predictor(plan.after), weights_file(make.folder(plan.after)), paths)
    if plan.before == plan.after:
        return after, after
    if given is not None:
        steps = (NORMALISED,) if given.normalised else ()
        own = Predictor(plan.after, domains.dataset_dir, domains.largest, given.features, steps)
        return measure_model(own, given.weights, paths), after
    return measure_model(predictor(plan.before), weights_file(make.folder(plan.before)), paths), after


def _region_pictures(paths: list[str], before: Measured, after: Measured) -> dict[str, bytes]:
    """Pictures of the example regions by their captions."""
    pictures = {}
    for name, region in example_regions(before.masks, after.masks).items():
        with Image.open(paths[region.image]) as image:
            pixels = np.asarray(image)[region.part]
        masks = [masks[region.image][region.part] for masks in (before.masks, after.masks)]
        pictures[_caption(name, Path(paths[region.image]).stem, region)] = panel_picture(pixels, masks)
    return pictures


def _caption(name: str, image: str, region: Region) -> str:
    place = f"rows {region.row} to {region.row + region.height}, columns {region.column} to "
    return f"{name.capitalize()}: {image}, {place}{region.column + region.width}; {region.changed:.1%} changed"
