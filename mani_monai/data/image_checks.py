"""Checks images, labels and cell types before a run starts, so that bad input is not found in the midst of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from PIL import Image
from tqdm import tqdm

from mani_monai.data.datalists import FILES, PREPARE
from mani_monai.transforms.rescaling import LEAST_SIDE
from mani_monai.utils import InputError

_MOST_LINES = 10


def check_images(items: Sequence[dict[str, str]], crop_size: int | None = None, min_size: int = LEAST_SIDE) -> None:
    """Decodes every image and label once.

    Args:
        items: items of a list, as ``mani_monai.data.datalists`` loads them.
        crop_size: the side of the square crops that will be taken, in pixels; images that are all one smaller
            square are taken whole.
        min_size: the smallest height and width that make sense.

    Raises:
        InputError: a line for each bad file: truncated, not 8-bit RGB, without its label, a label of another size,
            smaller than the crop where others are not, or not square. One line where the crop itself is too small.
    """
    if crop_size is not None and crop_size < min_size:
        raise InputError(f"--crop_size {crop_size}: is smaller than the {min_size} px that the network needs.")
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        results = pool.map(lambda item: _fault(item, min_size), items)
        faults = [fault for fault in tqdm(results, "checking", len(items), delay=1, leave=False, unit="image") if fault]
    if crop_size is not None and not faults:
        faults = _crop_faults(items, crop_size)
    if faults:
        more = [f"and {len(faults) - _MOST_LINES} more files"] if len(faults) > _MOST_LINES else []
        raise InputError("\n".join(faults[:_MOST_LINES] + more))


def crop_side(items: Sequence[dict[str, str]], crop_size: int) -> int:
    """The side of the square crops that images give, in pixels: ``crop_size``, or less where an image is smaller."""
    return min(crop_size, *(min(_size(item["image"])) for item in items))


def check_types(items: Sequence[dict[str, str]], classes: int) -> None:
    """Checks that every item has cell types that a network can tell apart.

    Args:
        items: items of a list, as ``mani_monai.data.datalists`` loads them.
        classes: types with the background, as a network's ``out_classes``; 0 checks nothing.

    Raises:
        InputError: for the first item without types, or with one that is too high.
    """
    for item in items if classes else ():
        if "types" not in item:
            raise InputError(
                f"{item['image']}: has no cell types to learn or score; take a data set that has, or --out_classes 0."
            )
        with Image.open(item["types"]) as image:
            highest = max(value for _, value in cast("list[tuple[int, int]]", image.getcolors(1 << 16)))
        if highest >= classes:
            raise InputError(f"{item['types']}: holds type {highest}; ask for --out_classes {highest + 1} or more.")


def _crop_faults(items: Sequence[dict[str, str]], crop_size: int) -> list[str]:
    """A line for each image that would not give a square as large as the others'."""
    sizes = {item["image"]: _size(item["image"]) for item in items}
    crops = {(min(height, crop_size), min(width, crop_size)) for height, width in sizes.values()}
    if len(crops) == 1 and len(set(*crops)) == 1:
        return []
    remedy = f"choose --crop_size {crop_side(items, crop_size)} or less, or remove it"
    return [
        f"{path}: is {height}x{width} (height x width), smaller than the crop {crop_size}; {remedy}."
        for path, (height, width) in sizes.items()
        if min(height, width) < crop_size
    ]


def _size(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.height, image.width


def _fault(item: dict[str, str], min_size: int) -> str | None:
    path = item["image"]
    try:
        mode, size = _decode(path)
        if mode != "RGB":
            return f"{path}: has the colour mode {mode}, not 8-bit RGB; convert it with {PREPARE}."
        if min(size) < min_size:
            return f"{path}: is {size[1]}x{size[0]} (height x width), smaller than {min_size}; remove it."
        for path in (item[key] for key in FILES[1:] if key in item):
            mode, mask_size = _decode(path)
            if mode not in ("L", "I", "1") and not mode.startswith("I;16"):
                return f"{path}: has the colour mode {mode}, not one channel of ids; convert it with {PREPARE}."
            if mask_size != size:
                sizes = f"{mask_size[1]}x{mask_size[0]} where its image is {size[1]}x{size[0]} (height x width)"
                return f"{path}: is {sizes}; run {PREPARE} again."
    except FileNotFoundError:
        return f"{path}: does not exist; run {PREPARE} again."
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        return f"{path}: cannot be decoded ({error}); run {PREPARE} again."
    return None


def _decode(path: str) -> tuple[str, tuple[int, int]]:
    with Image.open(path) as image:
        image.load()
        return image.mode, image.size
