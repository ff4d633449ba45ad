"""Convert one image of a data set and its mask to PNG, whole or in windows, and say what was found."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from mani_monai.apps.prepare.alignment import Alignment, alignment
from mani_monai.apps.prepare.mask_doubts import ACCEPT
from mani_monai.apps.prepare.masks import count_types, to_instances
from mani_monai.apps.prepare.windows import WindowGrid
from mani_monai.data.pixel_size import read_pixel_size
from mani_monai.data.readers.outline_sizes import OutlinedMask
from mani_monai.data.readers.rasters import read_image
from mani_monai.data.readers.records import Listing, RawMask, Record
from mani_monai.transforms.rescaling import LEAST_SIDE
from mani_monai.utils import InputError

# How PNGs are compressed. Windows are many, so that time counts: run lengths alone take less of it and as little space.
_WHOLE = {"images": {"compress_level": 4}, "labels": {}, "types": {}}
_WINDOW = {part: {"compress_level": 1, "compress_type": zlib.Z_RLE} for part in _WHOLE}


@dataclass(frozen=True)
class ImageFacts:
    """What was found of one image or window.

    Attributes:
        id: its file name without the ending.
        group: what folds must not tear apart.
        height: in pixels.
        width: likewise.
        nuclei: how many; None without a mask.
        alignment: how the mask lies on the image; None without a mask, and for windows.
        notes: (what was converted, how often).
        types: nuclei without a cell type, then of each type; empty where the data set has no types.
        tissue: the organ, where it is known.
        part: its part in the data set's own partition, where it has one.
    """

    id: str
    group: str
    height: int
    width: int
    nuclei: int | None
    alignment: Alignment | None
    notes: tuple[tuple[str, int], ...]
    types: tuple[int, ...] = ()
    tissue: str | None = None
    part: str | None = None


@dataclass(frozen=True)
class Conversion:
    """What became of one image: the image, and the files written of it, itself or its windows."""

    image: ImageFacts
    written: tuple[ImageFacts, ...]


def convert_all(
    listing: Listing,
    folder: Path,
    windows: WindowGrid | None = None,
    progress: bool = True,
    accept_doubtful: bool = False,
) -> tuple[list[Conversion], list[str]]:
    """Converts every image of a listing, some at a time.

    Args:
        listing: what a reader found.
        folder: holds ``images``, ``labels`` and, for cell types, ``types``.
        windows: cut the images so; None writes them whole.
        progress: show a bar.
        accept_doubtful: take masks that cannot be what they say.

    Returns:
        The conversions, and one line for each image that failed.
    """

    def attempt(record: Record) -> Conversion | str:
        try:
            return convert(record, folder, len(listing.types), windows, accept_doubtful)
        except InputError as error:
            return str(error)

    records = listing.records
    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
    try:
        done = pool.map(attempt, records)
        results = list(tqdm(done, "preparing", len(records), unit="image", leave=False, disable=not progress))
    finally:
        pool.shutdown(cancel_futures=True)
    return [r for r in results if isinstance(r, Conversion)], [r for r in results if isinstance(r, str)]


def convert(
    record: Record, folder: Path, kinds: int = 0, windows: WindowGrid | None = None, accept_doubtful: bool = False
) -> Conversion:
    """Writes one image and its mask below ``folder``.

    Args:
        record: where they come from.
        folder: holds ``images``, ``labels`` and, for cell types, ``types``.
        kinds: how many cell types the data set has; 0 leaves them out.
        windows: cut the image so; None writes it whole.
        accept_doubtful: take a mask that cannot be what it says.

    Returns:
        What was found.

    Raises:
        InputError: either cannot be read, they differ in size, or the image is too small for a window.
    """
    image = record.read_image() if record.read_image else read_image(record.image)
    height, width = image.pixels.shape[:2]
    if windows and min(height, width) < windows.smallest:
        small = f"is {height}x{width} (height x width), smaller than {windows.smallest}"
        raise InputError(f"{record.image}: {record.id} {small}; choose a smaller --window and --step, or remove it.")
    notes = image.notes
    if min(height, width) < LEAST_SIDE:
        notes += ((f"kept although under {LEAST_SIDE} px, which a run refuses", 1),)
    mask = read_instances(record, (height, width), accept_doubtful)
    ids, types = (mask.values, mask.types if kinds else None) if mask else (None, None)
    whole = ImageFacts(
        record.id,
        record.group,
        height,
        width,
        None if ids is None else int(ids.max(initial=0)),
        None if ids is None else alignment(image.pixels, ids > 0),
        notes + (mask.notes if mask else ()),
        () if ids is None or types is None else count_types(ids, types, kinds),
        record.tissue,
        record.part,
    )
    if windows is None:
        _write(folder, record.id, image.pixels, ids, types, _WHOLE)
        return Conversion(whole, (whole,))
    written = []
    for window in windows.cut(image.pixels, ids, types):
        name = f"{record.id}_r{window.row:02d}_c{window.column:02d}"
        _write(folder, name, window.image, window.ids, window.types, _WINDOW)
        facts = replace(whole, id=name, height=windows.size, width=windows.size, alignment=None, notes=())
        if window.ids is not None:
            facts = replace(facts, nuclei=int(window.ids.max(initial=0)))
        if window.ids is not None and window.types is not None:
            facts = replace(facts, types=count_types(window.ids, window.types, kinds))
        written.append(facts)
    return Conversion(whole, tuple(written))


def read_instances(record: Record, size: tuple[int, int], accept_doubtful: bool = False) -> RawMask | None:
    """Reads the mask of an image as ids.

    Args:
        record: where it comes from.
        size: height and width of the image in pixels.
        accept_doubtful: take a mask that cannot be what it says.

    Returns:
        HW ids 1..N, 0 background; None without a mask.

    Raises:
        InputError: it cannot be read, is of another size, or is doubtful.
    """
    if record.read_mask is None:
        return None
    raw = record.read_mask(size)
    if raw.values.shape != size:
        sizes = f"is {size[0]}x{size[1]} (height x width) but its mask {'x'.join(map(str, raw.values.shape))}"
        raise InputError(f"{record.image}: {sizes}; give it its own mask.")
    if not accept_doubtful and (doubt := _outlines_doubt(raw, record.image)):
        raise InputError(f"{record.image}: the mask is doubtful: {doubt}, or insist with {ACCEPT}.")
    try:
        return to_instances(raw, accept_doubtful)
    except ValueError as error:
        raise InputError(f"{record.image}: {error}.") from error


def _outlines_doubt(raw: RawMask, image: Path) -> str:
    """Why outlines are not believed to be of an image, or in its pixels; empty where they may be."""
    if not isinstance(raw, OutlinedMask):
        return ""
    um = raw.sizes.um
    if um is None:
        with suppress(InputError):  # of pixels that are not square
            size = read_pixel_size(image)
            um = size.um if size else None
    return raw.misplaced or (raw.sizes.doubt(um) if um else "")


def _write(
    folder: Path,
    name: str,
    pixels: np.ndarray,
    ids: np.ndarray | None,
    types: np.ndarray | None,
    compression: Mapping[str, Mapping[str, Any]],
) -> None:
    for part, values in (("labels", ids), ("types", types), ("images", pixels)):
        if values is not None:
            Image.fromarray(values).save(folder / part / f"{name}.png", **compression[part])
