"""A slide: its size, the size of its pixels, and its pixels on the network's grid."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mani_monai.apps.slides.dicom_series import DICOM_ENDING, levels_of_slide
from mani_monai.apps.slides.opened_levels import open_levels
from mani_monai.apps.slides.slide_levels import PICTURES, TIFFS, Levels
from mani_monai.data.pixel_size import LARGEST, SMALLEST, PixelSize, read_pixel_size, scale_for, with_doubt
from mani_monai.large_picture import Window
from mani_monai.transforms.rescaling import grid_shape, ratio_of, resized
from mani_monai.utils import InputError
from mani_monai.utils.folders import file_hash

_BAND = 1024  # rows of a level that an overview decodes at once
_SQUARE = 1.02
_LEAST = 4  # pixels of an overview that are decoded at once
UNREAD = (255, 0, 255)
"""Colour of what cannot be decoded, in an overview; more saturated than any tissue."""


@dataclass(frozen=True, eq=False)
class Slide:
    """An open slide.

    Attributes:
        path: its file.
        levels: its pixels.
        size: of a pixel of the finest level.
        known_hash: of its files, where it was written down; it is computed otherwise.
    """

    path: Path
    levels: Levels
    size: PixelSize
    known_hash: str | None = None

    def close(self) -> None:
        """Lets go of the file; nothing can be read afterwards."""
        self.levels.close()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels of the finest level, of what was scanned."""
        return self.levels.sizes[0]

    @property
    def area_mm2(self) -> float:
        """Area in square millimetres."""
        return math.prod(self.shape) * self.size.um**2 / 1e6

    @property
    def files(self) -> list[Path]:
        """Its file, and the folder of MIRAX or the other levels of DICOM beside it."""
        return _files(self.path)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all its files."""
        if self.known_hash is not None:
            return self.known_hash
        files = self.files
        if len(files) == 1:
            return file_hash(files[0])
        lines = "\n".join(f"{path.name} {file_hash(path)}" for path in files)
        return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()

    def ratio(self, network_um: float | None) -> float:
        """Pixels of this slide along a pixel of the network's grid.

        Args:
            network_um: micrometres per pixel of the network; None where that is not known.

        Returns:
            1 where the sizes differ by up to a tenth or the network's is not known; else to the nearest 64th.

        Raises:
            InputError: when they differ by more than four times.
        """
        try:
            scale = scale_for(self.size, network_um)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from error
        return float(ratio_of(scale))

    def grid(self, ratio: float) -> tuple[int, int]:
        """Height and width in pixels of a grid; a rest of less than a pixel at the far edges is left out."""
        return grid_shape(self.shape, ratio)

    def read(self, window: Window, ratio: float = 1.0) -> NDArray[np.uint8]:
        """Pixels of the grid of a ratio, the same whatever window they are read in.

        Args:
            window: within :meth:`grid`.
            ratio: as :meth:`ratio` gives it.

        Returns:
            HW3 RGB; what was not scanned has the background's colour.

        Raises:
            InputError: when they cannot be decoded.
        """
        if ratio == 1:
            return np.asarray(self.levels.cut(0, window.top, window.left, *window.shape))
        level = max(filter(lambda n: self._is_exact(n, ratio), range(len(self.levels.steps))), default=0)
        side = ratio / self.levels.steps[level]
        box = tuple(edge * side for edge in (window.left, window.top, window.right, window.bottom))
        return resized(partial(self.levels.cut, level), self.levels.sizes[level], box, window.shape)

    def _is_exact(self, level: int, ratio: float) -> bool:
        """Whether a level has the grid's pixels: none finer, steps that Pillow's box holds, no part of a pixel lost."""
        step = self.levels.steps[level]
        whole = (n * ratio <= side * step for n, side in zip(self.grid(ratio), self.levels.sizes[level], strict=True))
        return step <= ratio and math.log2(step).is_integer() and all(whole)

    def overview(self, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """The whole slide at a small size, averaged, a band at a time.

        Args:
            shape: height and width wanted.

        Returns:
            HW3 RGB; what cannot be decoded is ``UNREAD``.
        """
        wanted = min(side / small for side, small in zip(self.shape, shape, strict=True))
        fits = [n for n, step in enumerate(self.levels.steps) if step <= wanted]
        level = max(fits, key=lambda n: self.levels.steps[n], default=0)
        rows = max(int(_BAND * shape[0] / self.levels.sizes[level][0]), 1)
        bands = (Window(top, 0, min(top + rows, shape[0]), shape[1]) for top in range(0, shape[0], rows))
        return np.concatenate([self._averaged(level, shape, band) for band in bands])

    def _averaged(self, level: int, shape: tuple[int, int], part: Window) -> NDArray[np.uint8]:
        """A part of an overview; where it cannot be decoded, its halves, down to small squares."""
        height, width = self.levels.sizes[level]
        down, across = height / shape[0], width / shape[1]
        box = (part.left * across, part.top * down, part.right * across, part.bottom * down)
        box = (*box[:2], min(box[2], float(width)), min(box[3], float(height)))
        cut = partial(self.levels.cut, level)
        try:
            return resized(cut, (height, width), box, part.shape, Image.Resampling.BOX)
        except InputError:
            rows, columns = part.shape
            if max(rows, columns) <= _LEAST:
                if level:  # whose damage is not the finer one's
                    return self._averaged(level - 1, shape, part)
                return np.full((rows, columns, 3), UNREAD, np.uint8)
        if rows >= columns:
            middle = part.top + rows // 2
            halves = replace(part, bottom=middle), replace(part, top=middle)
        else:
            middle = part.left + columns // 2
            halves = replace(part, right=middle), replace(part, left=middle)
        return np.concatenate([self._averaged(level, shape, half) for half in halves], axis=int(rows < columns))


def open_slide(path: str | Path, mpp: PixelSize | None = None, otherwise: PixelSize | None = None) -> Slide:
    """Opens a slide.

    Args:
        path: its file.
        mpp: of its pixels; what the file says by default.
        otherwise: of its pixels where the file does not say it.

    Raises:
        InputError: when it cannot be opened, or nobody says how large its pixels are.
    """
    path = Path(path)
    levels = open_levels(path)
    if mpp is not None:
        return Slide(path, levels, with_doubt(path, mpp, lambda: _stated_size(path, levels, mpp)))
    return Slide(path, levels, _stated_size(path, levels, otherwise))


def _stated_size(path: Path, levels: Levels, otherwise: PixelSize | None) -> PixelSize:
    remedy = "name it with --mpp; 40x is about 0.25"
    if levels.stated is not None and all(SMALLEST <= side <= LARGEST for side in levels.stated):
        x, y = levels.stated
        if not 1 / _SQUARE <= x / y <= _SQUARE:
            raise InputError(f"{path}: its pixels are not square ({x:.3g} x {y:.3g} um by its header); resample it.")
        return PixelSize(x, "header")
    size = read_pixel_size(path) if path.suffix.lower() in (*PICTURES, *TIFFS) else None
    if size is not None:
        return size
    if otherwise is not None:
        return otherwise
    if levels.stated is not None:
        raise InputError(f"{path}: says that its pixels are {levels.stated[0]:.4g} um, which cannot be; {remedy}.")
    raise InputError(f"{path}: does not say how large its pixels are; {remedy}.")


def _files(path: Path) -> list[Path]:
    if path.suffix.lower() == ".mrxs" and path.with_suffix("").is_dir():
        return [path, *sorted(part for part in path.with_suffix("").iterdir() if part.is_file())]
    if path.suffix.lower() == DICOM_ENDING:
        return levels_of_slide(path)
    return [path]
