"""Pictures that a program has in memory, as the networks take them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mani_monai.data.readers.rasters import READABLE, colours_of
from mani_monai.utils import InputError


def as_picture(image: Any) -> NDArray[np.uint8]:
    """A PIL image or an array as HW3 uint8 RGB, as the image's file would be read.

    Args:
        image: a PIL image of 8 bits a channel, or HW3 uint8.

    Raises:
        InputError: for anything else.
    """
    if isinstance(image, Image.Image):
        if image.mode not in READABLE:
            raise InputError(f"image: has the colour mode {image.mode}; convert it to 8-bit RGB.")
        return colours_of(image, [])
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(f"image: is {pixels.dtype} of shape {pixels.shape}; give HW3 uint8, a PIL image or a file.")
    return pixels
