"""Images to a network's pixel size, and what it found there back to the image's own pixels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import interpolate

from mani_monai.utils import InputError

MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # as large as an image may be that is decoded at all


def rescaled(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """An image whose sides are ``scale`` times as long, to the nearest pixel; smoothed where it shrinks.

    Args:
        picture: HW3.
        scale: 1 gives the image itself.

    Raises:
        InputError: when the result is too large to hold.
    """
    if scale == 1:
        return picture
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    if height * width > MOST_PIXELS:
        raise InputError(f"is {height}x{width} (height x width) at the network's pixel size; cut it into tiles.")
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def nearest(values: NDArray, shape: tuple[int, int]) -> NDArray:
    """A map on another grid over the same area, each pixel that of the old one which holds its centre.

    Args:
        values: HW of any type; the map itself is returned where it has that shape.
        shape: height and width.
    """
    if values.shape == shape:
        return values
    rows, columns = (
        np.minimum((2 * np.arange(new) + 1) * old // (2 * new), old - 1)
        for new, old in zip(shape, values.shape, strict=True)
    )
    return values[rows[:, None], columns]


def smooth(maps: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Maps on another grid over the same area, interpolated bilinearly.

    Args:
        maps: CHW; the maps themselves are returned where they have that shape.
        shape: height and width.
    """
    if maps.shape[1:] == shape or not len(maps):
        return maps if len(maps) else maps.reshape(0, *shape)
    return interpolate(torch.from_numpy(maps)[None], size=shape, mode="bilinear", align_corners=False)[0].numpy()
