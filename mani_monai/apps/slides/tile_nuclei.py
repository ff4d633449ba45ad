"""The nuclei that a tile owns, as rows of a GeoParquet table."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from mani_monai.apps.slides.slide import Slide, Window
from mani_monai.apps.slides.slide_borders import clump_boxes, parts_by_borders
from mani_monai.apps.slides.tile_grid import Tile, TileGrid
from mani_monai.apps.slides.tile_quality import TileQuality, tile_quality
from mani_monai.data.writers.classes import nucleus_class
from mani_monai.model import Model
from mani_monai.nuclei import Nuclei
from mani_monai.transforms.polygons import instance_polygons
from mani_monai.transforms.stain_normalisation import TissueColours

DECIMALS = 4
"""Of measures: beyond them a sum may depend on where its window lies."""
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {
        "geometry": {
            "encoding": "WKB",
            "geometry_types": ["Polygon", "MultiPolygon"],
            "crs": None,
            "edges": "planar",
            "covering": {"bbox": {corner: ["bbox", corner] for corner in _CORNERS}},
        }
    },
}
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("geometry", pa.binary()),
        ("bbox", pa.struct([(corner, pa.float64()) for corner in _CORNERS])),
        ("centroid_x", pa.float64()),
        ("centroid_y", pa.float64()),
        ("area_um2", pa.float64()),
        ("perimeter_um", pa.float64()),
        ("eccentricity", pa.float64()),
        ("solidity", pa.float64()),
        ("mean_probability", pa.float64()),
        ("probability_margin", pa.float64()),
        ("type", pa.int16()),
        ("class", pa.string()),
        ("cut", pa.bool_()),
    ],
    metadata={b"geo": json.dumps(_GEO).encode()},
)
"""Coordinates are pixels of the slide, x to the right and y down from its top left corner."""


@dataclass(frozen=True, eq=False)
class SlideTask:
    """A slide, a model, and how the one is shown to the other.

    Attributes:
        slide: an open slide.
        model: a network that takes a window at once.
        ratio: pixels of the slide along one of the network's grid.
        grid: the tiles.
        tissue: in pixels of the slide.
        region: where nuclei count.
        colours: of the tissue, for stain normalisation.
    """

    slide: Slide
    model: Model
    ratio: float
    grid: TileGrid
    tissue: Polygon | MultiPolygon
    region: Polygon | MultiPolygon
    colours: TissueColours | None

    @property
    def um(self) -> float:
        """Micrometres along a pixel of the network's grid."""
        return self.slide.size.um * self.ratio

    def read(self, tile: Tile, times: int = 1) -> NDArray[np.uint8]:
        """Pixels of a tile's window, with some times the halo.

        Raises:
            InputError: when they cannot be decoded.
        """
        return self.slide.read(self.grid.window(tile, times * self.grid.halo), self.ratio)

    def quality(self, tile: Tile, picture: NDArray[np.uint8]) -> TileQuality:
        """What is measured of a tile's core, out of the pixels of its window."""
        window, core = self.grid.window(tile, self.grid.halo), self.grid.window(tile)
        rows = slice(core.top - window.top, core.bottom - window.top)
        columns = slice(core.left - window.left, core.right - window.left)
        return tile_quality(picture[rows, columns], core, self.ratio, self.um, self.tissue)

    def maps(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's answer."""
        return self.model.maps(picture, self.colours)

    def table(self, tile: Tile, maps: NDArray[np.float32]) -> pa.Table:
        """The nuclei that a tile owns, from the network's answer to its window.

        A nucleus belongs to the tile whose core holds the top left corner of its bounding box. It is the whole slide's
        if it keeps the grid's reach from where the window is cut; of HoVer-Net, if all that it touches does. Where one
        that overlaps the core does not, the tile is done again with twice the halo. One that still does not is flagged.

        Raises:
            InputError: when pixels cannot be decoded or the answer is not finite.
        """
        window = self.grid.window(tile, self.grid.halo)
        nuclei = self.model.nuclei(maps, window.shape, self.um)
        owned, cut, unsettled = self._owned(tile, window, nuclei)
        if unsettled:
            window = self.grid.window(tile, 2 * self.grid.halo)
            nuclei = self.model.nuclei(self.maps(self.read(tile, 2)), window.shape, self.um)
            owned, cut, _ = self._owned(tile, window, nuclei)
        return self._rows(nuclei, window, owned, cut)

    def _owned(self, tile: Tile, window: Window, nuclei: Nuclei) -> tuple[NDArray, NDArray, bool]:
        """Which rows of the table a tile owns, which of all may be cut, and whether one of these overlaps the core."""
        table, core, reach = nuclei.table, self.grid.window(tile), self.grid.reach
        top, left = window.top + table["row_start"], window.left + table["column_start"]
        owned = (top >= core.top) & (top < core.bottom) & (left >= core.left) & (left < core.right)
        outer = clump_boxes(self.model, nuclei) if parts_by_borders(self.model) else table
        top, bottom = window.top + outer["row_start"], window.top + outer["row_stop"]
        left, right = window.left + outer["column_start"], window.left + outer["column_stop"]
        cut = np.zeros(len(top), bool)
        cut |= (window.top > 0) & (top < window.top + reach)
        cut |= (window.left > 0) & (left < window.left + reach)
        cut |= (window.bottom < self.grid.shape[0]) & (bottom > window.bottom - reach)
        cut |= (window.right < self.grid.shape[1]) & (right > window.right - reach)
        overlaps = (top < core.bottom) & (bottom > core.top) & (left < core.right) & (right > core.left)
        return owned, cut, bool((cut & overlaps).any())

    def _rows(self, nuclei: Nuclei, window: Window, owned: NDArray, cut: NDArray) -> pa.Table:
        table = nuclei.table
        x, y = (
            _middle(table[f"centroid_{axis}"], table["area"], start) * self.ratio
            for axis, start in (("column", window.left), ("row", window.top))
        )
        rows = np.flatnonzero(owned)
        rows = rows[shapely.contains_xy(self.region, x[rows], y[rows])]
        chosen = np.zeros(int(table["id"].max(initial=0)) + 1, np.int32)
        chosen[table["id"][rows]] = np.arange(1, len(rows) + 1)
        instances = chosen[nuclei.instances]
        outlines = instance_polygons(instances).values()
        shapes = np.array([self._outline(polygons, window) for polygons in outlines], dtype=object)
        types = table.get("type", np.zeros(len(cut), np.int64))[rows]
        edges = shapely.bounds(shapes).reshape(-1, 4)
        names = [nucleus_class(int(kind), self.model.declaration.class_names).name for kind in types]
        columns = {
            "id": self._ids(instances, window),
            "geometry": list(shapely.to_wkb(shapes)),
            "bbox": [dict(zip(_CORNERS, row, strict=True)) for row in edges.tolist()],
            "centroid_x": x[rows].round(DECIMALS),
            "centroid_y": y[rows].round(DECIMALS),
            "area_um2": (table["area"][rows] * self.um**2).round(DECIMALS),
            "perimeter_um": (table["perimeter"][rows] * self.um).round(DECIMALS),
            "type": types.astype(np.int16),
            "class": names,
            "cut": cut[rows],
        }
        for name in ("eccentricity", "solidity", "mean_probability", "probability_margin"):
            columns[name] = table[name][rows].round(DECIMALS)
        return pa.table({name: columns[name] for name in SCHEMA.names}, SCHEMA)

    def _outline(self, polygons: Sequence[Sequence[NDArray]], window: Window) -> Polygon | MultiPolygon:
        """An outline in pixels of the slide."""
        corner = np.array([window.left, window.top])
        moved = ([(ring + corner) * self.ratio for ring in polygon] for polygon in polygons)
        parts = [Polygon(rings[0], rings[1:]) for rings in moved]
        return parts[0] if len(parts) == 1 else MultiPolygon(parts)

    def _ids(self, instances: NDArray[np.int32], window: Window) -> list[str]:
        """A UUID of the slide and the nucleus's first pixel on the grid: the same from any window."""
        numbers, first = np.unique(instances, return_index=True)
        rows, columns = np.divmod(first[numbers > 0], instances.shape[1])
        places = zip((rows + window.top).tolist(), (columns + window.left).tolist(), strict=True)
        return [str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.slide.hash} {row} {column}")) for row, column in places]


def _middle(centre: NDArray, area: NDArray, start: int) -> NDArray[np.float64]:
    """Centroids on the grid, counted from pixels' edges: from whole numbers, hence the same from any window."""
    total = np.round(2 * centre * area)  # twice the sum of whole numbers
    return (total + area * (2 * start + 1)) / (2 * area)
