"""The part of an image that a client asks for, and what stands for the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mani_monai.data.pixel_size import PixelSize, given_pixel_size, scale_for, size_of
from mani_monai.data.readers.rasters import read_image
from mani_monai.model import Model
from mani_monai.nuclei import Nuclei
from mani_monai.transforms.rescaling import rescaled
from mani_monai.utils import InputError

SMALLEST = 16
"""Pixels of the smallest height and width that the networks take."""


@dataclass(frozen=True)
class Region:
    """A rectangle of an image, in pixels.

    Attributes:
        location: x and y of its top left corner.
        size: width and height.
    """

    location: tuple[int, int]
    size: tuple[int, int]

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """This part of an image HW3."""
        (x, y), (columns, rows) = self.location, self.size
        return np.ascontiguousarray(pixels[y : y + rows, x : x + columns])


class LastMeasured:
    """What stands for the last image that was asked for: a viewer asks for one region of it after another.

    HoVer-Net's borders take 32 windows of a large image, which is far more work than most regions.
    """

    def __init__(self) -> None:
        self._held: tuple[Model, Any, tuple[Any, Model]] | None = None

    def __call__(self, model: Model, whole: NDArray[np.uint8], scale: float = 1.0) -> tuple[Any, Model]:
        """
        Args:
            model: that is asked.
            whole: HW3 RGB, told from others by its pixels.
            scale: by what its sides are multiplied for the network.

        Returns:
            as of :meth:`Model.measured`.

        Raises:
            InputError: as of :meth:`Model.measured`, and when the image is too large at that scale.
        """
        key, held = (whole.shape, scale, blake2b(whole.tobytes()).digest()), self._held
        if held is None or held[0] is not model or held[1] != key:
            # at once, as other threads read it
            held = self._held = model, key, model.measured(rescaled(whole, scale))
        return held[2]


def nuclei_of_region(
    model: Model, measured: LastMeasured, whole: NDArray[np.uint8], region: Region, size: PixelSize | None
) -> Nuclei:
    """The nuclei of a region, found at the network's pixel size as ``mani infer`` finds those of the whole.

    Args:
        model: that is asked.
        measured: what stands for the last image.
        whole: HW3 RGB.
        region: the part of it.
        size: of the image's pixels; None where it is not known, and the image is taken as it is.

    Raises:
        InputError: when the pixel sizes of image and network lie too far apart, and as of :class:`LastMeasured`.
    """
    scale = scale_for(size, model.mpp)
    stands, fitted = measured(model, whole, scale)
    pixels = region.of(whole)
    maps = fitted.maps(rescaled(pixels, scale), stands)
    return fitted.nuclei(maps, pixels.shape[:2], size and size.um, scale=scale)


def read_size(path: str | Path, request: Mapping[str, Any]) -> PixelSize | None:
    """The size of an image's pixels: "mpp" of a request, else what the file says.

    Args:
        path: the image.
        request: of a client.

    Raises:
        InputError: when "mpp" is no such size; as of :func:`mani_monai.data.pixel_size.size_of` where there is none.
    """
    return size_of(path, given_pixel_size(request.get("mpp"), "mpp"))


def said_of(size: PixelSize | None) -> dict[str, Any]:
    """What an answer says of the size of an image's pixels: "mpp", and "pixel_size_doubt" where the file contradicts.

    Args:
        size: as :func:`read_size` gives it.
    """
    said: dict[str, Any] = {"mpp": size and size.um}
    return said | ({"pixel_size_doubt": size.doubt} if size and size.doubt else {})


def read_region(path: str | Path, request: Mapping[str, Any]) -> tuple[NDArray[np.uint8], Region]:
    """Reads an image, and which part of it a request names.

    What reaches beyond the image is cut off, since viewers ask for more than there is: MONAI Label itself for 2048 x
    2048 where a client names nothing. The region that was taken is returned.

    Args:
        path: a PNG, TIFF, JPEG or BMP.
        request: may hold "location" (x, y) and "size" (width, height); without them, and with a size of 0 x 0 at 0, 0,
            as QuPath asks, the whole image is meant. "level" has to be 0, if it is there.

    Returns:
        the whole image, HW3 RGB, and the part that is asked for.

    Raises:
        InputError: when the image cannot be read, the region is no region, lies outside of the image, or is too small.
    """
    asked = _asked(request)
    pixels = read_image(Path(path)).pixels
    height, width = pixels.shape[:2]
    region = Region((0, 0), (width, height)) if asked is None else _within(asked, width, height)
    if min(region.size) < SMALLEST:
        raise InputError(f"{_text(region)}: is smaller than {SMALLEST} x {SMALLEST} px; ask for a larger region.")
    return pixels, region


def _asked(request: Mapping[str, Any]) -> Region | None:
    if request.get("level") not in (None, 0):
        raise InputError(f"level {request['level']}: images have one level; ask for level 0.")
    location, size = (_pair(name, request.get(name)) for name in ("location", "size"))
    if size in (None, (0, 0)) and location in (None, (0, 0)):
        return None
    if size is None:
        raise InputError(f"location {list(location or ())}: has no size; give both, or neither.")
    region = Region(location or (0, 0), size)
    if min(size) < 1 or min(region.location) < 0:
        raise InputError(f"{_text(region)}: is no region; give a location from 0 and a size from 1.")
    return region


def _pair(name: str, value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    numbers = list(value) if isinstance(value, (list, tuple)) else []
    if len(numbers) != 2 or not all(type(n) is int or (type(n) is float and n.is_integer()) for n in numbers):
        raise InputError(f"{name} {value!r}: write two whole numbers, e.g. [0, 0].")
    return int(numbers[0]), int(numbers[1])


def _within(region: Region, width: int, height: int) -> Region:
    (x, y), (columns, rows) = region.location, region.size
    if x >= width or y >= height:
        raise InputError(f"{_text(region)}: lies outside of the image, which is {width} x {height} px.")
    return Region((x, y), (min(columns, width - x), min(rows, height - y)))


def _text(region: Region) -> str:
    return f"region at {region.location[0]}, {region.location[1]} of {region.size[0]} x {region.size[1]} px"
