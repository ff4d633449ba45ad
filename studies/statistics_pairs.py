"""A model on a tissue: every candidate's batch statistics with what adapt says of them, beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from mani_monai import Model
from mani_monai.apps.adapt.evidence import ImageNuclei
from mani_monai.apps.adapt.measurement import Measured, measured_images
from mani_monai.apps.adapt.statistics_choice import (
    SOURCE,
    choose_statistics,
    judge_candidate,
    measure_candidate,
    target_batches,
    upright_model,
)
from mani_monai.apps.adapt.target_images import survey
from mani_monai.data.datalists import load_source_list
from mani_monai.evaluation.instance_report import tissues_of
from mani_monai.nuclei import nuclei_probability
from mani_monai.utils.files import load_network
from studies.balanced_statistics import balanced_state
from studies.unseen_tissue import Found, measure

PARTS = ("training", "validation", "test")
FEWEST = 3
"""Images of a tissue, at least."""
FIGURES = ("dice", "pq", "aji", "count_error")
BALANCED, MIXED = "balanced", "mixed"
"""Candidates that are explored: none of them is chosen."""
EVIDENCE = ("agreement", "finite", "measured", "megapixels", "nuclei", "median_area", "share", "shares")
"""Columns that, with the scores, hold all that the rules of a verdict read."""


@dataclass(frozen=True, eq=False)
class RememberingModel(Model):
    """A model that keeps the probability of nuclei of every picture that it was asked for, in order."""

    probabilities: list[NDArray[np.float32]] = field(default_factory=list)

    @classmethod
    def of(cls, model: Model) -> RememberingModel:
        """The same model, which remembers."""
        return cls(model.network, model.declaration, model.device, model.precision)

    def maps(self, picture: NDArray[np.uint8], whole: Any = None) -> NDArray[np.float32]:
        """As of a model."""
        maps = super().maps(picture, whole)
        self.probabilities.append(nuclei_probability(maps))
        return maps


def tissues_of_set(dataset_dir: str, name: str, split: str, most: int | None) -> dict[str, list[dict[str, str]]]:
    """Labelled images of all parts of a data set by tissue, of those that have enough.

    Args:
        dataset_dir: folder of the data sets.
        name: of the set.
        split: any that holds all its images.
        most: images of a tissue, at most.
    """
    items = [item for part in PARTS for item in load_source_list(dataset_dir, name, split, part)]
    tissues, groups = tissues_of(items), {}
    for item in items:
        groups.setdefault(tissues[Path(item["image"]).stem], []).append(item)
    return {tissue: members[:most] for tissue, members in sorted(groups.items()) if len(members[:most]) >= FEWEST}


def nuclei_share(dataset_dir: str, names: Sequence[str], split: str) -> float:
    """The share of pixels that are nuclei in the labels of training images, each data set with equal weight."""
    shares = []
    for name in names:
        labels = [item["label"] for item in load_source_list(dataset_dir, name, split, "training")]
        shares.append(float(np.mean([(np.asarray(Image.open(path)) > 0).mean() for path in labels])))
    return float(np.mean(shares))


def measured_pair(model: Model, items: Sequence[Mapping[str, str]], share: float | None = None) -> list[dict[str, Any]]:
    """A row a candidate: label-free scores, what the rules read and say, then the truth.

    Args:
        model: the model.
        items: labelled images of the tissue.
        share: of nuclei in the source's labels; with it, what is explored gets rows, too.
    """
    by_path = {Path(item["image"]): item for item in items}
    images, _ = survey(list(by_path), None, model.mpp, progress=False)
    sound = [image for image in images if not image.doubts]
    choice = choose_statistics(model, sound, progress=False)
    shown = measured_images([image.path for image in images])
    order = [by_path[path] for path in shown] + [item for path, item in by_path.items() if path not in set(shown)]
    rows, models, measured = [], {}, {}
    for name in tqdm(choice.states, "candidates", unit="candidate"):
        models[name] = RememberingModel.of(model if name == SOURCE else choice.adapted(model, name))
        measured[name] = measure_candidate(choice, name, models[name], shown)
        truth = _truth(order, measured[name].images, models[name])
        evidence, verdict = judge_candidate(choice, name, measured[SOURCE], measured[name])
        said = {"verdict": verdict.outcome, "rules": ", ".join(rule.name for rule, _ in verdict.findings)}
        facts = {"candidate": name, "images": len(items), "chosen": name == choice.name, **said}
        rows.append({**facts, **choice.scores[name], **evidence_columns(measured[name], evidence.agreement), **truth})
    if share is not None:
        upright = upright_model(model)
        state = balanced_state(upright.network, target_batches(upright, sound, progress=False), share)
        load_network(upright.network, state, BALANCED)
        balanced = replace(upright, declaration=upright.declaration.uncalibrated())
        rows.append({"candidate": BALANCED, "images": len(items), "chosen": False, **_truth(order, (), balanced)})
        mixed = [_mixed(models, number) for number in range(len(order))]
        rows.append({"candidate": MIXED, "images": len(items), "chosen": False, **_truth(order, mixed, balanced)})
    return rows


def _truth(items: Sequence[Mapping[str, str]], known: Sequence[ImageNuclei], model: Model) -> dict[str, float]:
    """Means over images of what is known of the first ones, and of a model's answers for the others."""
    answers = iter(known)
    rows = measure(items[: len(known)], lambda picture: Found(next(answers).instances)).rows
    rows += measure(items[len(known) :], lambda picture: Found(model(picture).instances)).rows
    return {key: float(np.nanmean([row[key] for row in rows])) for key in FIGURES}


def _mixed(models: Mapping[str, RememberingModel], number: int) -> ImageNuclei:
    """Nuclei of the mean of all models' probabilities of an image."""
    mean = np.mean([model.probabilities[number] for model in models.values()], axis=0)
    logit = torch.logit(torch.from_numpy(mean), eps=1e-6).numpy()
    model = next(iter(models.values()))
    return ImageNuclei.of(model.nuclei(np.stack([np.zeros_like(logit), logit]), logit.shape).instances)


def evidence_columns(measured: Measured, agreement: float) -> dict[str, Any]:
    """The columns of ``EVIDENCE``; shares of the images are one text."""
    nuclei = measured.nuclei
    shares = " ".join(f"{share:.5f}" for share in nuclei.shares)
    size = (nuclei.images, nuclei.megapixels, nuclei.count, nuclei.median_area, nuclei.share)
    return dict(zip(EVIDENCE, (agreement, measured.finite, *size, shares), strict=True))
