"""The levels of a slide's file, by OpenSlide, tiffslide or Pillow."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
TIFFS = (".tif", ".tiff")
SCANS = (".svs", ".svslide", ".ndpi", ".mrxs", ".scn", ".bif", ".czi", ".dcm", ".vms", ".vmu")
WHITE = (255, 255, 255)
_OPAQUE = 255


class Levels(Protocol):
    """A picture in several sizes.

    Attributes:
        sizes: height and width of each level in its pixels, the finest first.
        steps: pixels of the finest level along a pixel of each level.
        stated: what the file's header says of a pixel's width and height in um; None where it says nothing.
        background: colour of what was not scanned.
        notes: what was left out or converted.
    """

    @property
    def sizes(self) -> Sequence[tuple[int, int]]: ...

    @property
    def steps(self) -> Sequence[float]: ...

    @property
    def stated(self) -> tuple[float, float] | None: ...

    @property
    def background(self) -> tuple[int, int, int]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def cut(self, level: int, top: int, left: int, height: int, width: int) -> Image.Image:
        """RGB pixels of a level; the cut lies within it."""
        ...

    def close(self) -> None:
        """Lets go of the file; nothing can be cut afterwards."""
        ...


class OpenSlideLevels:
    """What OpenSlide reads. Transparent pixels take the background colour; the scanned bounds are the slide.

    Attributes:
        is_plain: whether it is a TIFF of no scanner's format.

    Args:
        path: the slide.

    Raises:
        openslide.OpenSlideError: when it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        import openslide

        self.path, self._error, self._open = path, openslide.OpenSlideError, openslide.OpenSlide
        self._lock = threading.Lock()
        self._slide = self._open(path)
        facts = self._slide.properties
        self.is_plain = facts.get("openslide.vendor") == "generic-tiff"
        width, height = self._slide.dimensions
        self._top, self._left = int(facts.get("openslide.bounds-y", 0)), int(facts.get("openslide.bounds-x", 0))
        bounded = "openslide.bounds-width" in facts and "openslide.bounds-height" in facts
        if bounded:
            width, height = int(facts["openslide.bounds-width"]), int(facts["openslide.bounds-height"])
        else:
            self._top = self._left = 0
        self.steps = tuple(self._slide.level_downsamples)
        dimensions = self._slide.level_dimensions
        self.sizes = tuple(
            (max(int(height / step), 1), max(int(width / step), 1)) if bounded else (rows, columns)
            for step, (columns, rows) in zip(self.steps, dimensions, strict=True)
        )
        self.stated = _pair(facts, "openslide.mpp-x", "openslide.mpp-y")
        colour = facts.get("openslide.background-color", "FFFFFF")
        self.background = (int(colour[:2], 16), int(colour[2:4], 16), int(colour[4:6], 16))
        self.notes: tuple[str, ...] = ()

    def cut(self, level: int, top: int, left: int, height: int, width: int) -> Image.Image:
        """RGB pixels of a level.

        Raises:
            InputError: when they cannot be decoded; it names the place.
        """
        step = self.steps[level]
        place = (self._left + round(left * step), self._top + round(top * step))
        with self._lock:
            try:
                region = self._slide.read_region(place, level, (width, height))
            except self._error as error:
                self._reopen()  # OpenSlide's error stays with the handle
                raise unread(self.path, round(top * step), round(left * step), short_reason(error)) from error
        scanned = region.getchannel("A")
        if scanned.getextrema() == (_OPAQUE, _OPAQUE):
            return region.convert("RGB")
        canvas = Image.new("RGB", region.size, self.background)
        canvas.paste(region, mask=scanned)
        return canvas

    def close(self) -> None:
        """Lets go of the file, once nobody reads it."""
        with self._lock:
            self._slide.close()

    def _reopen(self) -> None:
        try:
            self._slide.close()
            self._slide = self._open(self.path)
        except self._error as error:
            raise InputError(f"{self.path}: cannot be opened again ({error}); copy the slide again.") from error


class TiffSlideLevels:
    """What tiffslide reads: the pyramid of an OME-TIFF.

    Args:
        path: the file.
    """

    background = WHITE

    def __init__(self, path: Path) -> None:
        import tiffslide

        self.path = path
        self._lock = threading.Lock()
        self._slide = tiffslide.TiffSlide(path)
        self.sizes = tuple((height, width) for width, height in self._slide.level_dimensions)
        self.steps = tuple(self._slide.level_downsamples)
        self.stated = _pair(self._slide.properties, "tiffslide.mpp-x", "tiffslide.mpp-y")
        self.notes: tuple[str, ...] = ()

    def cut(self, level: int, top: int, left: int, height: int, width: int) -> Image.Image:
        """RGB pixels of a level.

        Raises:
            InputError: when they cannot be decoded; it names the place.
        """
        step = self.steps[level]
        place = (round(left * step), round(top * step))
        try:
            with self._lock:
                return self._slide.read_region(place, level, (width, height)).convert("RGB")
        except Exception as error:  # zarr, imagecodecs and tifffile have errors of their own
            raise unread(self.path, place[1], place[0], short_reason(error)) from error

    def close(self) -> None:
        """Lets go of the file, once nobody reads it."""
        with self._lock:
            self._slide.close()


class PictureLevels:
    """A plain picture: a slide of one level, held in memory.

    Args:
        pixels: HW3 RGB.
        notes: what was converted.
    """

    steps, stated, background = (1.0,), None, WHITE

    def __init__(self, pixels: NDArray[np.uint8], notes: tuple[str, ...] = ()) -> None:
        self._pixels, self.notes = pixels, notes
        height, width = pixels.shape[:2]
        self.sizes = ((height, width),)

    @classmethod
    def read(cls, path: Path) -> PictureLevels:
        """Those of a file.

        Raises:
            InputError: when it is no picture.
        """
        image = read_image(path)
        return cls(image.pixels, tuple(note for note, _ in image.notes))

    def cut(self, level: int, top: int, left: int, height: int, width: int) -> Image.Image:
        """RGB pixels."""
        return Image.fromarray(self._pixels[top : top + height, left : left + width])

    def close(self) -> None:
        """There is no file any more."""


def _pair(facts: Any, x: str, y: str) -> tuple[float, float] | None:
    try:
        return float(facts[x]), float(facts[y])
    except (KeyError, TypeError, ValueError):
        return None


def unread(path: Path, top: int, left: int, reason: str) -> InputError:
    """That a slide cannot be read at a place in pixels of its finest level, and why."""
    return InputError(f"{path}: cannot be read at row {top}, column {left} ({reason}); copy the slide again.")


def short_reason(error: Exception) -> str:
    """What a library says went wrong, in a line of 200 characters at most."""
    return " ".join(str(error).split())[:200] or type(error).__name__
