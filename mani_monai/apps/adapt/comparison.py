"""Two models on the same target images: where their masks differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import NDArray

REGION = 192
"""Side of a region that is shown, in pixels, about: an image is divided into equal ones."""


@dataclass(frozen=True)
class Region:
    """A part of an image.

    Attributes:
        image: its number.
        row: of its upper left pixel.
        column: likewise.
        height: in pixels.
        width: in pixels.
        changed: part of its pixels that the two models call different.
    """

    image: int
    row: int
    column: int
    height: int
    width: int
    changed: float

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns of an array."""
        return slice(self.row, self.row + self.height), slice(self.column, self.column + self.width)


def agreement(before: Sequence[NDArray], after: Sequence[NDArray]) -> float:
    """Dice of all pixels of two lists of masks: 1 where nothing changed, also where neither has a nucleus."""
    common = sum(int((b & a).sum()) for b, a in zip(before, after, strict=True))
    pixels = sum(int(b.sum()) + int(a.sum()) for b, a in zip(before, after, strict=True))
    return 2 * common / pixels if pixels else 1.0


def example_regions(before: Sequence[NDArray], after: Sequence[NDArray], side: int = REGION) -> dict[str, Region]:
    """The most changed region, a median one and the least changed one, of those where a model finds nuclei.

    Regions lie side by side and cover every image, but for what is left of a division; none is taken twice.

    Args:
        before: HW masks.
        after: HW masks of the same images.
        side: of a region, in pixels, about; an image that is smaller is one region.

    Returns:
        by name; fewer where there are fewer regions.
    """
    found = [region for n, pair in enumerate(zip(before, after, strict=True)) for region in _regions(n, *pair, side)]
    seen = [region for region in found if (before[region.image][region.part] | after[region.image][region.part]).any()]
    ranked = sorted(seen or found, key=lambda region: -region.changed)
    places = {"most changed": 0, "median": len(ranked) // 2, "least changed": len(ranked) - 1}
    chosen: dict[str, Region] = {}
    for name, place in places.items():
        if ranked[place] not in chosen.values():
            chosen[name] = ranked[place]
    return chosen


def _regions(number: int, before: NDArray, after: NDArray, side: int) -> list[Region]:
    rows, columns = (max(1, round(length / side)) for length in before.shape)
    height, width = before.shape[0] // rows, before.shape[1] // columns
    changed = before ^ after
    return [
        Region(number, row, column, height, width, float(changed[row : row + height, column : column + width].mean()))
        for row in range(0, rows * height, height)
        for column in range(0, columns * width, width)
    ]
