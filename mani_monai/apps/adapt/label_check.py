"""Both models against labelled target images: an oracle, which chooses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from mani_monai.apps.prepare.masks import to_instances
from mani_monai.data.pixel_size import PixelSize, read_pixel_size, scale_for
from mani_monai.data.readers.folder import read_folder
from mani_monai.data.readers.rasters import read_image
from mani_monai.metrics.instance_scores import compute_instance_metrics
from mani_monai.model import Model
from mani_monai.transforms.rescaling import rescaled
from mani_monai.utils import InputError

FIGURES = ("dice", "aji", "pq")


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
    listing = read_folder(images, masks)
    left_out, rows = list(listing.problems), {name: [] for name in models}
    for record in tqdm(listing.records, "checking against labels", unit="image", disable=not progress):
        if record.read_mask is None:
            continue
        try:
            picture = read_image(record.image).pixels
            assert record.read_mask is not None  # as every record of a folder with masks
            truth = to_instances(record.read_mask(picture.shape[:2])).values
            scale = size or read_pixel_size(record.image)
        except InputError as error:
            left_out.append(" ".join(str(error).split()))
            continue
        for name, model in models.items():
            maps = model.maps(rescaled(picture, scale_for(scale, model.mpp)))
            rows[name].append(_figures(model.nuclei(maps, picture.shape[:2]).instances, truth))
    if not any(rows.values()):
        raise InputError("\n".join([*left_out[:10], f"--check {images}: no image of it has a mask in {masks}."]))
    return {
        "images": len(next(iter(rows.values()))),
        "left_out": left_out,
        **{name: {key: _mean([row[key] for row in found]) for key in found[0]} for name, found in rows.items()},
    }


def _mean(values: Sequence[float]) -> float | None:
    """Of what is a number; None where nothing is, since no image has a nucleus."""
    numbers = [value for value in values if np.isfinite(value)]
    return float(np.mean(numbers)) if numbers else None


def _figures(instances: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    scores = compute_instance_metrics(instances, truth)
    found, true = (len(np.unique(ids[ids > 0])) for ids in (instances, truth))
    return {**{name: scores[name] for name in FIGURES}, "count_error": abs(found - true) / true if true else np.nan}
