"""A labelled source and an unlabelled target in one folder, as one training takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mani_monai.apps.prepare.conversion import ImageFacts
from mani_monai.apps.prepare.prepared_images import Preparation
from mani_monai.data.image_checks import crop_side
from mani_monai.transforms.rescaling import LEAST_SIDE
from mani_monai.utils import InputError
from mani_monai.utils.json_files import save_json

STEP = 16
"""Pixels that a crop is a multiple of: what the network halves four times."""


@dataclass(frozen=True)
class Domains:
    """Two data sets in one folder.

    Attributes:
        dataset_dir: the folder.
        source: name of the labelled one.
        target: name of the unlabelled one; the source's own where its images take that place.
        images: how many target images there are.
        crop_size: side of the crops that every image is large enough for, in pixels.
        largest: the largest side of a target image, in pixels.
        left_out: one line for each file that is not used, and why.
    """

    dataset_dir: Path
    source: str
    target: str
    images: int
    crop_size: int
    largest: int
    left_out: tuple[str, ...]


def pair_domains(
    source: str, parts: Mapping[str, Sequence[Mapping[str, str]]], target: Preparation, split: str, crop_size: int
) -> Domains:
    """Writes the lists of both domains, the target's without labels and without images that are smaller than the crops.

    Args:
        source: name of the labelled data set.
        parts: its items by part, "image" and "label", absolute or relative to its folder.
        target: the other data set; both lists go beside it.
        split: name of the lists.
        crop_size: side of the crops that are asked for, in pixels.

    Raises:
        InputError: when half of the target's images or more are too small for the network.
    """
    folder = target.folder.parent
    paths = [{"image": str(folder / source / item["image"])} for items in parts.values() for item in items]
    crop = shared_crop(crop_size, crop_side(paths, crop_size), target.images)
    used = [image for image in target.images if min(image.height, image.width) >= crop]
    small = [
        f"{image.id}: is {image.height}x{image.width} (height x width), smaller than the crop of {crop} px"
        for image in target.images
        if min(image.height, image.width) < crop
    ]
    training = [{"image": f"images/{image.id}.png"} for image in used]
    save_json(folder / source / f"source_{split}.json", {"name": source, **parts})
    save_json(target.folder / f"target_{split}.json", {"name": target.name, "training": training})
    largest = max(max(image.height, image.width) for image in used)
    left_out = (*target.failures, *target.listing.left_out, *small)
    return Domains(folder, source, target.name, len(used), crop, largest, left_out)


def shared_crop(asked: int, source_side: int, target_images: Sequence[ImageFacts]) -> int:
    """Side of the crops for both domains, in pixels.

    Args:
        asked: side that is asked for.
        source_side: what the smallest source image allows.
        target_images: what was found of the target.

    Raises:
        InputError: when half of the images or more are too small for the network.
    """
    sides = sorted(min(image.height, image.width) for image in target_images)
    crop = min(asked, source_side, sides[(len(sides) - 1) // 2])
    crop = crop if crop == asked else crop // STEP * STEP
    if crop < LEAST_SIDE:
        raise InputError(f"the images are smaller than the {LEAST_SIDE} px that the network needs; take larger ones.")
    return crop
