"""Source and target as one training takes them: two data sets in one folder, the target without any label."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..data.conversion import ImageFacts
from ..data.datalists import load_source_list
from ..data.image_checks import MIN_SIZE, crop_side
from ..data.preparation import prepare
from ..data.prepared_images import Preparation
from ..data.writers.atomic import replacing
from ..utils import InputError
from ..utils.json_files import read_object
from .target_images import list_target_images

SPLIT = "adapt"
"""Name of the lists that are written here."""
FEWEST = 3
"""Target images that an adaptation needs at least: fewer say nothing of a tissue, and nothing of the result."""
STEP = 16
"""Pixels that a crop is a multiple of: what the network halves four times."""
GENERIC = ("images", "image", "tissue images", "tiles", "patches")


@dataclass(frozen=True)
class Domains:
    """Two data sets in one folder.

    Attributes:
        dataset_dir: the folder.
        source: name of the labelled one.
        target: name of the unlabelled one.
        images: how many target images there are.
        crop_size: side of the crops that every image is large enough for, in pixels.
        largest: the largest side of a target image, in pixels.
        left_out: one line for each file of the target's folder that is not used, and why.
    """

    dataset_dir: Path
    source: str
    target: str
    images: int
    crop_size: int
    largest: int
    left_out: tuple[str, ...]


def prepare_domains(
    source: str | Path, target: str | Path, out: Path, crop_size: int, licence: str = "unknown", progress: bool = True
) -> Domains:
    """Checks and converts the target's images, and lists both domains for one training.

    All usable target images train: nothing of a set without labels is held out. The source keeps its own split_0.
    Crops are as large as asked for, or as the smallest source image, or as half of the target images allow; target
    images smaller than that are left out.

    Args:
        source: a prepared data set with labels.
        target: a folder of images.
        out: the folder of both data sets.
        crop_size: side of the crops that are asked for, in pixels.
        licence: of the target's images, for the record.
        progress: show a bar.

    Raises:
        InputError: no such source, one without labels, or fewer than ``FEWEST`` usable target images.
    """
    place = source_folder(source)
    parts = {part: load_source_list(place.parent, place.name, "split_0", part) for part in ("training", "validation")}
    listing = list_target_images(target, licence)
    names = (place.name, target_name(target, place.name))
    found = prepare(listing, out, names[1], overwrite=True, skip_bad=True, progress=progress)
    if not found.written:
        raise InputError("\n".join([*found.failures[:10], f"{target}: no image of it can be used."]))
    items = [item for part in parts.values() for item in part]
    crop = shared_crop(crop_size, crop_side(items, crop_size), found.images)
    used = [image for image in found.images if min(image.height, image.width) >= crop]
    left_out = left_out_lines(found, crop)
    if len(used) < FEWEST:
        few = f"only {len(used)} images can be used, and an adaptation needs {FEWEST}; add images"
        raise InputError("\n".join([*left_out[:10], f"{target}: {few}."]))
    training = [{"image": f"images/{image.id}.png"} for image in used]
    _write(out / names[1] / f"target_{SPLIT}.json", {"name": names[1], "training": training})
    kept = {
        part: [{key: item[key] for key in ("image", "label")} for item in part_items]
        for part, part_items in parts.items()
    }
    _write(out / names[0] / f"source_{SPLIT}.json", {"name": names[0], **kept})
    _write(out / names[0] / "dataset.json", read_object(place / "dataset.json", "prepare the data set again"))
    largest = max(max(image.height, image.width) for image in used)
    return Domains(out, *names, len(used), crop, largest, left_out)


def write_domains(domains: Domains, path: Path) -> None:
    """Keeps what was prepared, for a command that goes on."""
    _write(path, {**asdict(domains), "dataset_dir": "."})


def read_domains(path: Path) -> Domains:
    """What :func:`write_domains` kept, in the folder that it lies in."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Domains(**{**content, "dataset_dir": path.parent, "left_out": tuple(content["left_out"])})


def source_folder(source: str | Path) -> Path:
    """The folder of a prepared data set.

    Raises:
        InputError: when it is none.
    """
    place = Path(str(source)).expanduser().absolute()
    if not (place / "dataset.json").is_file():
        remedy = "name the folder of a data set that scripts/prepare_data.py wrote, e.g. data/breast"
        raise InputError(f"{source}: is no prepared data set; {remedy}.")
    return place


def target_name(target: str | Path, source: str) -> str:
    """A data set's name for a folder: its own, or its parent's where it is called "images"."""
    place = Path(str(target)).expanduser().absolute()
    name = place.parent.name if place.name.lower() in GENERIC else place.name
    name = re.sub(r"[^\w.-]+", "_", name).strip("._-") or "target"
    return f"{name}_target" if name == source else name


def shared_crop(asked: int, source_side: int, target_images: tuple[ImageFacts, ...]) -> int:
    """Side of the crops for both domains, in pixels.

    Args:
        asked: what the preset takes.
        source_side: what the smallest source image allows.
        target_images: what was found of the target.

    Raises:
        InputError: when half of the images or more are too small for the network.
    """
    sides = sorted(min(image.height, image.width) for image in target_images)
    crop = min(asked, source_side, sides[(len(sides) - 1) // 2])
    crop = crop if crop == asked else crop // STEP * STEP
    if crop < MIN_SIZE:
        raise InputError(f"the images are smaller than the {MIN_SIZE} px that the network needs; take larger ones.")
    return crop


def left_out_lines(found: Preparation, crop: int) -> tuple[str, ...]:
    """One line for each file that is not used: what cannot be read, what looks like a mask, what is too small."""
    small = [
        f"{image.id}: is {image.height}x{image.width} (height x width), smaller than the crop of {crop} px"
        for image in found.images
        if min(image.height, image.width) < crop
    ]
    return (*found.failures, *found.listing.left_out, *small)


def _write(path: Path, content: dict[str, Any]) -> None:
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
