"""Images to a network's pixel size, and what it found there back to the image's own pixels.

A pixel of the network's grid is a whole number of 64ths of the image's pixels long, its ``ratio``. So every window of
an image has the grid pixels, and the nuclei, of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mani_monai.utils import InputError

MOST_PIXELS = 178_956_970  # as large as an image may be that is decoded at all
LEAST_SIDE = 16
"""Pixels of the smallest height and width that a network takes: what four poolings leave one pixel of."""
MOST_WHOLE = 2048**2
"""Pixels that a network which takes whole images gets at once."""
FRACTION = 64
"""Ratios are whole numbers of this fraction: Pillow's box is float32, and then holds every edge exactly."""
MARGIN = 12  # pixels around a cut: three times the reach of a bicubic filter at a ratio of 2

Cut = Callable[[int, int, int, int], Image.Image]
"""Gives the pixels of top, left, height and width."""
Span = tuple[int, int]
"""Start and stop along an axis."""


def ratio_of(scale: float) -> Fraction:
    """Pixels of an image along one of the network's grid, to the nearest 64th.

    Args:
        scale: by what the image's sides are multiplied for the network.
    """
    return Fraction(max(round(FRACTION / scale), 1), FRACTION)


def grid_shape(shape: tuple[int, int], ratio: Fraction | float) -> tuple[int, int]:
    """Height and width of the network's grid over an image; less than a pixel at the far edges is left out."""
    height, width = (max(side // Fraction(ratio), 1) for side in shape)
    return height, width


def is_taken_whole(grid: tuple[int, ...]) -> bool:
    """Whether a network gets a picture of this height and width at once."""
    return math.prod(grid) <= MOST_WHOLE


def rescaled(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """An image on the network's grid; smoothed where it shrinks.

    Args:
        picture: HW3.
        scale: by what its sides are multiplied, to the nearest :func:`ratio_of`; 1 gives the image itself.

    Raises:
        InputError: when the result is too large to hold.
    """
    ratio = ratio_of(scale)
    if ratio == 1:
        return picture
    height, width = grid_shape(picture.shape[:2], ratio)
    if height * width > MOST_PIXELS:
        raise InputError(f"is {height}x{width} (height x width) at the network's pixel size; cut it into tiles.")
    box = (0.0, 0.0, float(width * ratio), float(height * ratio))

    def cut(top: int, left: int, height: int, width: int) -> Image.Image:
        return Image.fromarray(picture[top : top + height, left : left + width])

    return resized(cut, picture.shape[:2], box, (height, width))


def sampled(values: NDArray, shape: tuple[int, int], scale: float) -> NDArray:
    """A map of ids on the network's grid, each the id at its pixel's centre: the map of what :func:`rescaled` gives.

    Args:
        values: HW of the image.
        shape: height and width of the grid.
        scale: by what the image's sides are multiplied, to the nearest :func:`ratio_of`.
    """
    ratio = ratio_of(scale)
    rows, columns = (
        np.minimum((2 * np.arange(count) + 1) * ratio.numerator // (2 * ratio.denominator), side - 1)
        for count, side in zip(shape, values.shape, strict=True)
    )
    return values[rows[:, None], columns]


def resized(
    cut: Cut,
    size: tuple[int, int],
    box: tuple[float, ...],
    shape: tuple[int, int],
    filter_: Image.Resampling = Image.Resampling.BICUBIC,
) -> NDArray[np.uint8]:
    """A part of a picture at another size, the same whatever part it is cut from.

    Args:
        cut: of the picture.
        size: height and width of the picture.
        box: left, top, right and bottom in its pixels, whole numbers of 64ths.
        shape: height and width wanted.
        filter_: what is taken of the pixels around.

    Returns:
        HW3.
    """
    height, width = size
    left, top = (max(math.floor(edge) - MARGIN, 0) for edge in box[:2])
    right, bottom = (min(math.ceil(edge) + MARGIN, side) for edge, side in zip(box[2:], (width, height), strict=True))
    pixels = cut(top, left, bottom - top, right - left)
    across = (box[0] - left, 0, min(box[2] - left, pixels.width), pixels.height)
    down = (0, box[1] - top, shape[1], min(box[3] - top, pixels.height))
    # one axis after the other: of both at once, Pillow chooses the order by the sizes, and rounds in between
    wide = pixels.resize((shape[1], pixels.height), filter_, box=across)
    return np.asarray(wide.resize((shape[1], shape[0]), filter_, box=down))


@dataclass(frozen=True)
class Frame:
    """A part of the network's grid and the image's pixels that have their centres in it.

    Attributes:
        ratio: pixels of the image along one of the grid.
        top: first row of the part on the grid.
        left: its first column.
        rows: of the image.
        columns: of the image.
    """

    ratio: Fraction
    top: int
    left: int
    rows: Span
    columns: Span

    @classmethod
    def of(
        cls, image: tuple[int, int], ratio: Fraction | float, rows: Span | None = None, columns: Span | None = None
    ) -> Frame:
        """The frame of a part of the grid, or of all of it.

        Args:
            image: its height and width in pixels; a rest beyond the grid goes with the grid's last pixels.
            ratio: pixels of the image along one of the grid.
            rows: of the grid.
            columns: of the grid.
        """
        step, grid = Fraction(ratio), grid_shape(image, ratio)
        spans = [given or (0, side) for given, side in zip((rows, columns), grid, strict=True)]
        seen = [
            (_first_beyond(start, step), side if stop == edge else _first_beyond(stop, step))
            for (start, stop), edge, side in zip(spans, grid, image, strict=True)
        ]
        return cls(step, spans[0][0], spans[1][0], seen[0], seen[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels of the image."""
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]

    def nearest(self, values: NDArray) -> NDArray:
        """A map of the part on the image's pixels, each the pixel of the grid that holds its centre.

        Args:
            values: HW of any type; the map itself is returned where the grids are the same.
        """
        if self.ratio == 1:
            return values
        rows, columns = (
            np.clip(centres // (2 * self.ratio.numerator), 0, side - 1)
            for centres, side in zip(self._centres(), values.shape, strict=True)
        )
        return values[rows[:, None], columns]

    def smooth(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps of the part on the image's pixels, interpolated bilinearly between the centres of the grid's.

        Args:
            maps: CHW; the maps themselves are returned where the grids are the same.
        """
        if self.ratio == 1:
            return maps
        for axis, centres in enumerate(self._centres(), start=1):
            place, rest = np.divmod(centres - self.ratio.numerator, 2 * self.ratio.numerator)
            share = np.asarray(rest / (2 * self.ratio.numerator), np.float32)
            share = share[:, None] if axis == 1 else share
            before, after = (np.take(maps, place + step, axis, mode="clip") for step in (0, 1))
            maps = np.asarray(before * (1 - share) + after * share, np.float32)
        return maps

    def _centres(self) -> list[NDArray[np.int64]]:
        """Centres of the image's rows and columns on the part's grid, in whole numbers: times twice the numerator."""
        return [
            (2 * np.arange(*span) + 1) * self.ratio.denominator - 2 * self.ratio.numerator * first
            for span, first in ((self.rows, self.top), (self.columns, self.left))
        ]


def _first_beyond(edge: int, ratio: Fraction) -> int:
    """The first pixel of the image whose centre lies at an edge of the grid or beyond."""
    return math.ceil(edge * ratio - Fraction(1, 2))
