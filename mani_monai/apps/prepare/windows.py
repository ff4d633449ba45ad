"""Cut images and their masks into square windows that may overlap."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from skimage import measure

from mani_monai.apps.prepare.masks import renumber

_DIAGONALS = 2  # eight neighbours, as for binary masks


@dataclass(frozen=True)
class Window:
    """One window of an image.

    Attributes:
        row: its place in the grid, from 0.
        column: likewise.
        image: HW3 uint8.
        ids: HW uint16, 1..N without gaps; None without a mask.
        types: HW uint8; None without cell types.
    """

    row: int
    column: int
    image: np.ndarray
    ids: np.ndarray | None
    types: np.ndarray | None


@dataclass(frozen=True)
class WindowGrid:
    """Where windows lie in an image.

    Mirrored, they lie as HoVer-Net's patches do: the image is mirrored beyond its borders by (size - step) / 2, so that
    the windows' centres of step x step cover it and stay inside it. An axis then has ceil(length / step) windows; the
    last one is moved back to where its centre ends with the image. A nucleus that is mirrored would be there twice
    under one id, so every connected piece of an id in a window becomes a nucleus of its own.

    Not mirrored, they lie inside the image, the last one of an axis moved back to end with it, and ids stay whole.

    Args:
        size: a window's height and width in pixels.
        step: pixels from one window to the next, at most the size.
        mirror: mirror the image beyond its borders.

    Raises:
        ValueError: no positive whole numbers, or a step that would leave gaps.
    """

    size: int
    step: int
    mirror: bool = True

    def __post_init__(self) -> None:
        for name in ("size", "step"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be a whole number >= 1, got {value!r}.")
        if self.step > self.size:
            raise ValueError(f"step must be <= size {self.size}, or it leaves gaps, got {self.step}.")

    @property
    def smallest(self) -> int:
        """The smallest height and width that an image must have, in pixels."""
        return self.step if self.mirror else self.size

    def starts(self, length: int) -> list[int]:
        """Where the windows of an axis begin, in pixels from the image's border; before it where that is mirrored.

        Args:
            length: the image's height or width in pixels.

        Raises:
            ValueError: the image is too small for a window.
        """
        if length < self.smallest:
            raise ValueError(f"length must be >= {self.smallest}, got {length}.")
        before, after = self._margins
        last = before + length + after - self.size
        return [min(k * self.step, last) - before for k in range(math.ceil(last / self.step) + 1)]

    def cut(
        self, image: np.ndarray, ids: np.ndarray | None = None, types: np.ndarray | None = None
    ) -> Iterator[Window]:
        """Cuts one image, row by row.

        Args:
            image: HW3 uint8.
            ids: HW uint16 instance ids.
            types: HW uint8 cell types.

        Yields:
            The windows.

        Raises:
            ValueError: the image is too small for a window.
        """
        rows, columns = (self.starts(length) for length in image.shape[:2])
        image = self._padded(image)
        ids, types = (None if array is None else self._padded(array) for array in (ids, types))
        before = self._margins[0]
        for row, top in enumerate(rows):
            for column, left in enumerate(columns):
                place = (slice(top + before, top + before + self.size), slice(left + before, left + before + self.size))
                own = None if ids is None else self._own_ids(ids[place])
                yield Window(row, column, image[place], own, None if types is None else types[place])

    @property
    def _margins(self) -> tuple[int, int]:
        """Mirrored pixels before and after an axis."""
        both = self.size - self.step if self.mirror else 0
        return both // 2, both - both // 2

    def _padded(self, array: np.ndarray) -> np.ndarray:
        return np.pad(array, [self._margins] * 2 + [(0, 0)] * (array.ndim - 2), mode="reflect")

    def _own_ids(self, ids: np.ndarray) -> np.ndarray:
        if not self.mirror:
            return renumber(ids)
        return np.asarray(measure.label(ids, background=0, connectivity=_DIAGONALS)).astype(np.uint16)
