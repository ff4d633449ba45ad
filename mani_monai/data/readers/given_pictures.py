"""Pictures that a caller has in memory, as HW3 bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from mani_monai.utils.errors import InputError

from .damage import failures_named
from .layouts import check_depth
from .pages import additions_of, shows
from .rasters import READABLE, colours_of

_WANTED = "give HW3 uint8, a PIL image or a file"
_BITS = 258  # a TIFF's tag
_CHANNELS = 3


def as_rgb(image: Any) -> NDArray[np.uint8]:
    """A PIL image or an array as HW3 uint8 RGB, as the image's file would be read.

    OpenCV reads blue first, which nothing in an array tells: give ``image[..., ::-1]`` of it.

    Args:
        image: a PIL image of 8 bits a channel, or HW3 uint8, red first, of more than three rows or other columns.

    Raises:
        InputError: for anything else, and for masked pixels. Of a PIL image: when it is damaged, to be shown turned,
            one of several pictures, or uses less than half of the 16 bits of its file.
    """
    if isinstance(image, Image.Image):
        return _of_pil(image)
    if np.ma.is_masked(image):
        raise InputError("image: has masked pixels; fill them with white, 255.")
    try:
        pixels = np.ascontiguousarray(image)  # PyTorch takes no negative strides
    except (RuntimeError, TypeError, ValueError) as error:  # of a tensor on a GPU, or one with a gradient
        raise InputError(f"image: is no array ({error}); {_WANTED}.") from error
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != _CHANNELS or not pixels.size:
        raise InputError(f"image: is {pixels.dtype} of shape {pixels.shape}; {_WANTED}.")
    if len(pixels) == _CHANNELS:
        raise InputError(
            f"image: of shape {pixels.shape} may hold channels or rows first; give one of more than three rows."
        )
    return pixels


def _of_pil(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode not in READABLE:
        raise InputError(f"image: has the colour mode {image.mode}; convert it to 8-bit RGB.")
    with failures_named(Path("image")):
        deep = _is_deep(image)
        image.load()
        if (turned := image.getexif().get(ExifTags.Base.Orientation, 1)) not in (0, 1):
            how = f"stored turned or mirrored (EXIF orientation {turned})"
            raise InputError(f"image: is {how}; give PIL.ImageOps.exif_transpose(image).")
        pixels = colours_of(image, [])
        _check_frames(image)
    if deep:
        check_depth(Path("image"), pixels)
    return pixels


def _is_deep(image: Image.Image) -> bool:
    """Whether a file has more than 8 bits a channel, of which Pillow keeps the high ones; of a PNG until it is read."""
    layouts = " ".join(str(tile[3]) for tile in getattr(image, "tile", ()))
    bits = getattr(image, "tag_v2", {}).get(_BITS, 8)
    return ";16" in layouts or max(bits if isinstance(bits, tuple) else (bits,)) > 8


def _check_frames(image: Image.Image) -> None:
    """Refuses one picture of several, unless the others show it smaller or only add to it."""
    frames = getattr(image, "n_frames", 1)
    if frames == 1:
        return
    own, picture = image.tell(), image.copy()
    try:
        for number in sorted(set(range(frames)) - additions_of(image)):
            image.seek(number)
            smaller = image.size[0] * image.size[1] < picture.size[0] * picture.size[1]
            if number != own and not (smaller and shows(picture, image)):
                raise InputError(f"image: is picture {own + 1} of {frames}; give image.copy() where that one is meant.")
    finally:
        image.seek(own)
