"""Both models against labelled target images: an oracle, which chooses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from mani_monai.apps.prepare.conversion import read_instances
from mani_monai.data.pixel_size import PixelSize, read_pixel_size, scale_for
from mani_monai.data.readers.folder import read_folder
from mani_monai.data.readers.rasters import read_image
from mani_monai.data.readers.records import Listing, Record
from mani_monai.metrics.instance_scores import compute_instance_metrics
from mani_monai.model import Model
from mani_monai.utils import InputError

FIGURES = ("dice", "aji", "pq", "count_error")


def labelled_images(images: str, masks: str) -> Listing:
    """Pairs images with their masks.

    Args:
        images: folder of images.
        masks: folder of their masks, as ``mani prepare`` takes them.

    Raises:
        InputError: when no image has a mask.
    """
    listing = read_folder(images, masks)
    if not listing.records:
        lines = [*listing.problems[:10], f"--check {images}: no image of it has a mask in {masks}."]
        raise InputError("\n".join(lines))
    return listing


def check_on_labels(
    images: str, masks: str, models: Mapping[str, Model], size: PixelSize | None = None, progress: bool = True
) -> dict[str, Any]:
    """Scores models on labelled images of the target, when all has been chosen.

    Args:
        images: folder of images.
        masks: folder of their masks, as ``mani prepare`` takes them.
        models: by name.
        size: of all images' pixels; what each file says by default.
        progress: show a bar.

    Returns:
        "images"; "left_out", a line for each image or mask that cannot be used; and by model the means over images of
        "dice", "aji", "pq" and "count_error", the difference of the counts as a part of the true one.

    Raises:
        InputError: when no image has a mask.
    """
    listing = labelled_images(images, masks)
    left_out, rows = list(listing.problems), []
    for record in tqdm(listing.records, "checking against labels", unit="image", disable=not progress):
        try:
            rows.append(_scores(record, models, size))
        except InputError as error:
            reason = " ".join(str(error).split())
            left_out.append(reason if str(record.image) in reason else f"{record.image}: {reason}")
    means = {name: {key: _mean([row[name][key] for row in rows]) for key in FIGURES} for name in models}
    return {"images": len(rows), "left_out": left_out, **means}


def _scores(record: Record, models: Mapping[str, Model], size: PixelSize | None) -> dict[str, dict[str, float]]:
    """Figures of every model on one image."""
    picture = read_image(record.image).pixels
    truth = read_instances(record, picture.shape[:2])
    if truth is None:
        raise InputError("has no mask")
    size, found = size or read_pixel_size(record.image), {}
    for name, model in models.items():
        scale = scale_for(size, model.mpp)
        maps, fitted = model.answer(picture, scale)
        found[name] = _figures(fitted.nuclei(maps, picture.shape[:2], scale=scale).instances, truth.values)
    return found


def _mean(values: Sequence[float]) -> float | None:
    """Of what is a number; None where nothing is: no image has a nucleus, or none can be used."""
    numbers = [value for value in values if np.isfinite(value)]
    return float(np.mean(numbers)) if numbers else None


def _figures(instances: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    scores = compute_instance_metrics(instances, truth)
    found, true = (len(np.unique(ids[ids > 0])) for ids in (instances, truth))
    return {**scores, "count_error": abs(found - true) / true if true else np.nan}
