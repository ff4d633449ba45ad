"""Tiles of a slide: cores that do not overlap, and the windows around them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

from shapely import MultiPolygon, Polygon, box, prepare

from mani_monai.large_picture import Window
from mani_monai.transforms.rescaling import MOST_WHOLE
from mani_monai.utils import InputError

LARGEST_WINDOW = math.isqrt(MOST_WHOLE)
CORE = 1024  # pixels of a core's edge, where nothing speaks against it
SHARD = 8  # tiles along each edge of a shard
NUCLEUS_UM = 16.0  # of the largest nucleus that a tile finds at once
_FARTHEST_UM = 32.0  # from a nucleus's first corner to its centre


@dataclass(frozen=True)
class Tile:
    """A tile by its row and column among the tiles."""

    row: int
    column: int


@dataclass(frozen=True)
class TileGrid:
    """How a slide is parted.

    Attributes:
        shape: height and width of the network's grid over the slide.
        unit: windows start at its multiples.
        core: edge of a core, a multiple of it.
        halo: around a core, a multiple of it.
        reach: pixels from a cut within which nuclei may differ from the whole's.
    """

    shape: tuple[int, int]
    unit: int
    core: int
    halo: int
    reach: int

    def window(self, tile: Tile, halo: int = 0) -> Window:
        """A tile's core, or what lies around it, within the grid."""
        top, left = tile.row * self.core, tile.column * self.core
        return Window(
            max(top - halo, 0),
            max(left - halo, 0),
            min(top + self.core + halo, self.shape[0]),
            min(left + self.core + halo, self.shape[1]),
        )

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
        for row in range(rows):
            for column in range(columns):
                core = self.window(Tile(row, column))
                right, bottom = core.right + far, core.bottom + far
                if region.intersects(box(core.left * ratio, core.top * ratio, right * ratio, bottom * ratio)):
                    number = row // SHARD * across + column // SHARD
                    shards.setdefault(number, []).append(Tile(row, column))
        return dict(sorted(shards.items()))


def tile_grid(
    shape: tuple[int, int], unit: int, reach: int, um: float, core: int = CORE, largest: int = LARGEST_WINDOW
) -> TileGrid:
    """Makes a grid whose windows, even at twice the halo, the network takes at once.

    Args:
        shape: height and width of the network's grid over the slide.
        unit: windows start at its multiples.
        reach: pixels from a cut within which nuclei may differ from the whole's.
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
    return TileGrid(shape, unit, core, halo, reach)


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
