"""Tiles of a slide: cores that do not overlap, and the windows around them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, box, clip_by_rect, prepare

from mani_monai.inferers.whole_image_inferer import MOST_BLOCKED
from mani_monai.large_picture import Window
from mani_monai.utils import InputError

LARGEST_WINDOW = math.isqrt(MOST_BLOCKED)
CORE = 2048  # pixels of a core's edge, where nothing speaks against it
SHARD = 4  # tiles along each edge of a shard
NUCLEUS_UM = 16.0  # of the largest nucleus that a tile finds at once
_FARTHEST_UM = 32.0  # from a nucleus's first corner to its centre


@dataclass(frozen=True)
class Tile:
    """A tile.

    Attributes:
        row: among the tiles.
        column: likewise.
        core: what it answers for, on the network's grid: that part of its square in which nuclei may count.
    """

    row: int
    column: int
    core: Window


@dataclass(frozen=True)
class TileGrid:
    """How a slide is parted.

    Attributes:
        shape: height and width of the network's grid over the slide.
        unit: windows start at its multiples.
        core: edge of a core, a multiple of it.
        halo: around a core, a multiple of it.
        reach: pixels from a cut within which nuclei may differ from the whole's.
        blind: likewise, the network's answer.
    """

    shape: tuple[int, int]
    unit: int
    core: int
    halo: int
    reach: int
    blind: int

    def window(self, tile: Tile, halo: int = 0) -> Window:
        """A tile's core, or what lies around it, within the grid."""
        core = tile.core
        return Window(
            max(core.top - halo, 0),
            max(core.left - halo, 0),
            min(core.bottom + halo, self.shape[0]),
            min(core.right + halo, self.shape[1]),
        )

    def trusted(self, window: Window) -> Window:
        """The part of a window whose answers are the whole's."""
        return Window(
            window.top and window.top + self.blind,
            window.left and window.left + self.blind,
            window.bottom - self.blind * (window.bottom < self.shape[0]),
            window.right - self.blind * (window.right < self.shape[1]),
        )

    def around(self, window: Window, tissue: NDArray[np.bool_]) -> Window | None:
        """The part of a window that decides about nuclei in its tissue: the tissue's box, and the reach around that.

        Tissue where the window's answers are not trusted gives no nuclei, so that the box leaves it out.

        Args:
            window: as :meth:`window` gives it.
            tissue: HW, where in it nuclei may lie.

        Returns:
            it starts at multiples of the unit, as windows do; None where there is no such tissue.
        """
        inner, spans = self.trusted(window), []
        trusted = tissue[inner.within(window)]
        for axis, start, first, last in (
            (1, inner.top, window.top, window.bottom),
            (0, inner.left, window.left, window.right),
        ):
            places = start + np.flatnonzero(trusted.any(axis=axis))
            if not len(places):
                return None
            begin = (int(places[0]) - self.reach) // self.unit * self.unit
            end = -(-(int(places[-1]) + 1 + self.reach) // self.unit) * self.unit
            spans.append((max(begin, first), min(end, last)))
        (top, bottom), (left, right) = spans
        return Window(top, left, bottom, right)

    @property
    def most_shards(self) -> int:
        """How many shards there are, with and without tissue."""
        rows, columns = (math.ceil(side / self.core) for side in self.shape)
        return math.ceil(rows / SHARD) * math.ceil(columns / SHARD)

    def shards(self, region: Polygon | MultiPolygon, ratio: float, um: float) -> dict[int, list[Tile]]:
        """Tiles that may own a nucleus of a region, by the number of their shard.

        Args:
            region: in pixels of the slide.
            ratio: pixels of the slide along one of the grid.
            um: micrometres along a pixel of the grid.
        """
        prepare(region)
        far = math.ceil(_FARTHEST_UM / um)
        rows, columns = (math.ceil(side / self.core) for side in self.shape)
        across = math.ceil(columns / SHARD)
        shards: dict[int, list[Tile]] = {}
        for row, column in product(range(rows), range(columns)):
            core = self._core(row, column, region, ratio, far)
            if core is not None:
                number = row // SHARD * across + column // SHARD
                shards.setdefault(number, []).append(Tile(row, column, core))
        return dict(sorted(shards.items()))

    def _core(self, row: int, column: int, region: Polygon | MultiPolygon, ratio: float, far: int) -> Window | None:
        """Where first corners lie of nuclei of a square that may count: their centres are further down and right."""
        top, left = row * self.core, column * self.core
        bottom, right = min(top + self.core, self.shape[0]), min(left + self.core, self.shape[1])
        corners = (left * ratio, top * ratio, (right + far) * ratio, (bottom + far) * ratio)
        if not region.intersects(box(*corners)):
            return None
        bounds = clip_by_rect(region, *corners).bounds
        if not all(map(math.isfinite, bounds)):  # of a clip that fails
            return Window(top, left, bottom, right)
        first_x, first_y, last_x, last_y = (edge / ratio for edge in bounds)
        top = max(math.floor((first_y - far) / self.unit) * self.unit, top)
        left = max(math.floor((first_x - far) / self.unit) * self.unit, left)
        bottom = min((math.floor(last_y / self.unit) + 1) * self.unit, bottom)
        right = min((math.floor(last_x / self.unit) + 1) * self.unit, right)
        return Window(top, left, bottom, right) if top < bottom and left < right else None


def tile_grid(
    shape: tuple[int, int],
    unit: int,
    reach: int,
    blind: int,
    um: float,
    core: int = CORE,
    largest: int = LARGEST_WINDOW,
) -> TileGrid:
    """Makes a grid whose windows, even at twice the halo, the network takes at once.

    Args:
        shape: height and width of the network's grid over the slide.
        unit: windows start at its multiples.
        reach: pixels from a cut within which nuclei may differ from the whole's.
        blind: likewise, the network's answer.
        um: micrometres along a pixel of the grid.
        core: edge of a core that is wanted.
        largest: edge of the largest window that the network takes.

    Raises:
        InputError: when the network looks too far.
    """
    halo = math.ceil((reach + NUCLEUS_UM / um) / unit) * unit
    most = (largest - 4 * halo) // unit * unit
    core = min(max(core // unit, 1) * unit, most)
    if core < unit:
        raise InputError(f"the network looks {reach} pixels far, which no tile has room for; take a smaller one.")
    return TileGrid(shape, unit, core, halo, reach, blind)


def share_of(shards: Iterable[int], part: int, parts: int, name: str) -> list[int]:
    """A part's shards of a slide: every ``parts``-th, from a place on that the slide's name decides.

    Without that place the first parts would get the shards of all slides that have few.

    Args:
        shards: their numbers.
        part: of the work, from 0 on.
        parts: how many.
        name: of the slide's file.
    """
    start = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:8], "big")
    return [shard for shard in shards if (shard + start) % parts == part]
