"""Decode image files and mask files, whatever they are stored as: one way for preparation, inference and adaptation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tifffile import COMPRESSION, PHOTOMETRIC, SAMPLEFORMAT

from scripts.utils.errors import InputError

from .layouts import (
    beyond_colours,
    check_channels,
    check_depth,
    check_inverted_depth,
    check_layout,
    imagej_colours,
    mend_palette,
)
from .opened_picture import OpenedPicture, opened_picture

IMAGE_ENDINGS = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")
MASK_ENDINGS = (".png", ".tif", ".tiff", ".bmp")
_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
READABLE = ("RGB", "RGBX", "L", "P", "1", "YCbCr", *_ALPHA)
_UNPACKED = {COMPRESSION.NONE, COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE, COMPRESSION.LZMA, COMPRESSION.PACKBITS}


@dataclass(frozen=True)
class RawImage:
    """A decoded image: HW3 uint8 RGB, and what was converted to get there."""

    pixels: np.ndarray
    notes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class RawMask:
    """A mask as a data set stores it.

    Attributes:
        values: HW integers, 0 is background.
        kind: ``"ids"`` where every value is one nucleus, ``"binary"`` where everything above 0 is nuclei, ``"auto"``
            to decide by the values.
        notes: (what was done or dropped on reading, how often).
        types: HW uint8, the cell type of every pixel, 0 where there is none; None where the data set has no types.
    """

    values: np.ndarray
    kind: str = "auto"
    notes: tuple[tuple[str, int], ...] = ()
    types: np.ndarray | None = None


def read_image(path: str | Path) -> RawImage:
    """Reads an image as 8-bit RGB.

    Grey is repeated, palettes are looked up, transparent parts become white as on a slide's glass. An alpha channel of
    one value above 0 is dropped. Of 16-bit values the high byte is kept (value // 256, the same for every image). Of
    several pages the largest is taken where the others show it smaller. A value that a PNG names as transparent is so.

    Args:
        path: an image file.

    Returns:
        HW3 uint8 and what was converted.

    Raises:
        InputError: it cannot be decoded, holds several pictures, is shown turned, is a picture that is transparent
            everywhere, holds something other than 8 or 16 bits of grey or RGB, or uses less than half of its 16 bits.
    """
    with opened_picture(path) as opened:
        return rgb_of(opened)


def rgb_of(opened: OpenedPicture) -> RawImage:
    """As :func:`read_image`, of a file that is open."""
    path, image = opened.path, opened.decoded()
    check_layout(opened, image)
    mend_palette(opened, image)
    notes = list(opened.notes)
    deep = 8 < opened.bits <= 16
    if (colours := imagej_colours(opened)) is not None and image.mode == "L":
        pixels = colours[np.asarray(image)]
        notes.append(("ImageJ's colours of grey applied", 1))
    elif image.mode.startswith("I") and deep:
        values = np.asarray(image).astype(np.int64)
        if values.min(initial=0) < 0:
            raise InputError(f"{path}: holds negative values; store it as 8-bit RGB.")
        values >>= opened.bits - 8
        if opened.page is not None and opened.page.photometric == PHOTOMETRIC.MINISWHITE:
            check_inverted_depth(path, values)
            values = 255 - values
        pixels = np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)
    elif image.mode in READABLE and opened.bits in (1, 2, 4, 8, 16):
        pixels = colours_of(image, notes, path)
    else:
        kind = f"{opened.bits} bits per channel" if opened.bits > 8 else f"the colour mode {image.mode}"
        raise InputError(f"{path}: has {kind}; store it as 8-bit RGB.")
    if image.mode in ("L", "LA", "La", "1") or image.mode.startswith("I"):
        notes.append(("grey to RGB", 1))
    if beyond := beyond_colours(opened):
        notes.append(("channels beyond RGB left out", beyond))
    if deep:
        notes.append((f"{opened.bits} bits to 8 (value // {2 ** (opened.bits - 8)})", 1))
        check_depth(path, pixels)
    return RawImage(np.ascontiguousarray(pixels), tuple(notes))


def colours_of(image: Image.Image, notes: list[tuple[str, int]], name: str | Path = "image") -> NDArray[np.uint8]:
    """HW3 of an image of one of the modes ``READABLE``, with 8 bits per channel; adds to the notes what it converts.

    Raises:
        InputError: it is transparent everywhere, though it holds a picture; the line begins with the name.
    """
    if image.mode not in (*_ALPHA, "P") and "transparency" not in image.info:
        return np.asarray(image.convert("RGB"))
    transparent = image.mode != "P" or "transparency" in image.info
    if image.mode == "La":
        image = image.convert("LA")
    pixels = np.asarray(image.convert("RGBA"))  # not convert("RGB"): a palette must keep its colours
    alpha = pixels[..., 3:].astype(np.uint16)
    hidden = transparent and not alpha.any()
    if hidden and (pixels != pixels[0, 0]).any():
        raise InputError(f"{name}: is transparent everywhere (alpha 0), so that no viewer shows it; save it as RGB.")
    if not transparent or (alpha.min() == alpha.max() and not hidden):
        if transparent:
            notes.append(("alpha dropped", 1))
        return pixels[..., :3]
    notes.append(("transparent parts to white", 1))
    return ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def read_mask(path: str | Path, kind: str = "auto") -> RawMask:
    """Reads a mask that is stored as an image.

    Grey of any depth, 1-bit and palette images (their indices) are taken as they are. Of RGB(A) the one channel
    is taken when all three are equal; colours are refused, since a colour names no nucleus reliably. A TIFF whose
    tags say that zero is white is read so where it holds two values; ids stay as they are stored.

    Args:
        path: a mask file; not JPEG, whose compression changes values.
        kind: see :class:`RawMask`.

    Returns:
        HW integers.

    Raises:
        InputError: it cannot be decoded or is no mask.
    """
    with opened_picture(path) as opened:
        path, notes = opened.path, list(opened.notes)
        if opened.is_jpeg:
            raise InputError(f"{path}: is a JPEG or the like, which changes the values of a mask; store it as PNG.")
        check_channels(opened)
        values, mode = _stored(opened)
    if values.ndim == 3:
        if opened.bits != 8:
            raise InputError(f"{path}: is a {opened.bits}-bit colour image; store a mask as one 16-bit grey channel.")
        values = _one_channel(path, values, mode)
        notes.append(("mask stored as RGB(A)", 1))
    if values.dtype.kind == "c":
        raise InputError(f"{path}: holds complex numbers; store an id for each nucleus as a whole number.")
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise InputError(f"{path}: holds values that are no numbers (NaN or infinite); store 0 as background.")
        if not np.array_equal(values, np.round(values)):
            raise InputError(
                f"{path}: holds fractions, as a map of probabilities does; threshold it, and store whole numbers."
            )
        exact = 2 ** (np.finfo(values.dtype).nmant + 1)
        if values.max(initial=0) >= exact:
            kind = f"{values.dtype} numbers from {exact} on, of which it has not each"
            raise InputError(f"{path}: holds {kind}, so that ids merge; store ids as whole numbers of 32 bits.")
        values = values.astype(np.int64)
    if values.dtype.kind == "i" and values.min(initial=0) < 0:
        raise InputError(f"{path}: holds negative values; a mask has 0 as background and ids above it.")
    if opened.page is not None and opened.page.photometric == PHOTOMETRIC.MINISWHITE:
        values, note = _white_is_zero(opened, values)
        notes.append((note, 1))
    return RawMask(values, kind, tuple(notes))


def _stored(opened: OpenedPicture) -> tuple[NDArray, str]:
    """The values as the file stores them, and what Pillow calls their layout."""
    page = opened.page
    if page is not None and opened.pages == 1 and page.compression in _UNPACKED and not opened.turned:
        values = opened.stored()
        mode = {2: "LA", 3: "RGB", 4: "RGBA"}.get(values.shape[-1], "") if values.ndim == 3 else ""
        return values, mode
    image = opened.decoded("store a mask as one 16-bit grey channel, packed by deflate or not at all")
    values = np.asarray(image)
    if page is not None and page.sampleformat == SAMPLEFORMAT.UINT and values.dtype == np.int32 and opened.bits == 32:
        values = values.view(np.uint32)  # Pillow takes unsigned numbers for signed ones
    inverted = page is not None and page.photometric == PHOTOMETRIC.MINISWHITE and image.mode in ("1", "L")
    if page is not None and page.sampleformat == SAMPLEFORMAT.INT and values.dtype == np.uint8:
        values = values.view(np.int8)  # Pillow takes signed bytes for unsigned ones
    return (~values if inverted else values), image.mode  # Pillow went by the tag


def _one_channel(path: Path, values: NDArray, mode: str) -> NDArray:
    colours = values[..., : 1 if mode == "LA" else 3]
    if (colours != colours[..., :1]).any():
        raise InputError(f"{path}: is a mask in colours; store instance ids as one 16-bit grey channel.")
    alpha = values[..., -1]
    if mode in ("RGBA", "LA") and not colours.any() and alpha.min() != alpha.max():
        raise InputError(f"{path}: holds its mask in the alpha channel; store it as one grey channel.")
    return colours[..., 0]


def _white_is_zero(opened: OpenedPicture, values: NDArray) -> tuple[NDArray, str]:
    """A mask whose TIFF says that zero is white: two values are a picture in which nuclei are white."""
    present = np.unique(values)
    if opened.tiff.is_imagej:  # its inverting look-up table changes the display, not what is foreground
        return values, "white is zero, by ImageJ's display alone"
    if len(present) > 2:
        return values, "white is zero, ids as stored"
    if len(present) == 2:
        return values == present[0], "white is zero, read so"
    return values == 0, "white is zero, read so"


def mask_file(path: Path, kind: str = "auto") -> Callable[[tuple[int, int]], RawMask]:
    """A record's ``read_mask`` for a mask that is stored as an image."""
    return lambda shape: read_mask(path, kind)
