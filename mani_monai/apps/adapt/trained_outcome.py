"""What a trained adaptation has come to, measured as it is deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from mani_monai.apps.adapt.adaptation_training import TrainingMaker
from mani_monai.apps.adapt.domains import SPLIT
from mani_monai.apps.adapt.evidence import ImageNuclei, NucleiFigures, nuclei_figures
from mani_monai.apps.adapt.measurement import (
    MEASURED,
    Measured,
    compared,
    measure_model,
    measured_images,
    scored_images,
)
from mani_monai.apps.adapt.methods import Plan
from mani_monai.apps.adapt.outcome import NextCommands, Outcome, read_curves
from mani_monai.apps.adapt.target_images import named_sizes, shown_pixel_sizes, survey
from mani_monai.apps.adapt.verdict import NOT_ADAPTED, judge
from mani_monai.apps.adapt.write_report import image_rows, unsure_fields
from mani_monai.apps.prepare.domain_pair import Domains
from mani_monai.data.datalists import load_source_list, load_target_list
from mani_monai.data.pixel_size import PixelSize
from mani_monai.evaluation.label_free_scorer import evenly_taken
from mani_monai.model import Model
from mani_monai.transforms.part_nuclei import part_nuclei


class MeasuredTraining(NamedTuple):
    """What ``write_report`` takes: what both models show, the measured images, the source model and the adapted one."""

    outcome: Outcome
    paths: Sequence[Path]
    before: Measured
    after: Measured


def measure_training(
    plan: Plan,
    make: TrainingMaker,
    domains: Domains,
    models: tuple[Model, Model],
    originals: Mapping[str, Path],
    size: PixelSize | None,
    settings: Mapping[str, str],
    notes: tuple[str, ...],
    commands: NextCommands,
    check: Mapping[str, Any] | None = None,
) -> MeasuredTraining:
    """Measures both models on the target.

    Args:
        plan: the trainings.
        make: knows where they lie.
        domains: the data sets.
        models: the source model and the adapted one, the same where nothing was adapted.
        originals: the target's image files by their names in the data set, which an inference would read.
        size: of all images' pixels; what each file says by default.
        settings: what was trained, in words by name.
        notes: sentences that a reader has to know.
        commands: what to do next.
        check: figures on labelled target images.
    """
    items = load_target_list(domains.dataset_dir, domains.target, SPLIT)
    paths = measured_images([originals.get(Path(item["image"]).stem, Path(item["image"])) for item in items])
    images, unread = survey(paths, size, models[1].mpp, fields=False)
    paths = [image.path for image in images]
    after = measure_model(models[1], paths, size, "adapted model")
    before = after if models[0] is models[1] else measure_model(models[0], paths, size, "source model")
    labels = [item["label"] for item in load_source_list(domains.dataset_dir, domains.source, SPLIT)]
    evidence = compared(before, after, measure_labels(labels, progress=True))
    rows = image_rows(images, before, after)
    outcome = Outcome(
        domains.source,
        domains.target,
        {**settings, **shown_pixel_sizes(images, models[1].mpp)},
        (*notes, *(line[0].upper() + line[1:] for line in named_sizes(images, models[1].mpp))),
        (*domains.left_out, *unread),
        evidence,
        rows,
        {run.method.title: read_curves(make.folder(run)) for run in plan.runs},
        NOT_ADAPTED if plan.before == plan.after else judge(evidence),
        commands,
        len(scored_images(paths)),
        check=check,
        kept=plan.before == plan.after,
        least_certain=unsure_fields(rows, after),
    )
    return MeasuredTraining(outcome, paths, before, after)


def measure_labels(paths: Sequence[str], progress: bool = False) -> NucleiFigures:
    """Measures the nuclei of labels, parted as those of predictions where they do not tell nuclei apart.

    Args:
        paths: label files, 0 background.
        progress: show a bar.
    """
    labels = tqdm(evenly_taken(paths, MEASURED), "source's labels", unit="image", disable=not progress)
    return nuclei_figures(_labelled(path) for path in labels)


def _labelled(path: str) -> ImageNuclei:
    with Image.open(path) as image:
        label = np.asarray(image)
    told_apart = len(np.unique(label)) > 2
    return ImageNuclei.of(label if told_apart else part_nuclei((label > 0).astype(np.float32)))
