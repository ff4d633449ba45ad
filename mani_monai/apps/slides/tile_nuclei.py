"""The nuclei that a tile owns, as rows of a GeoParquet table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from mani_monai.apps.slides.slide import Slide
from mani_monai.apps.slides.slide_borders import boxes_of, clump_boxes
from mani_monai.apps.slides.tile_grid import Tile, TileGrid
from mani_monai.apps.slides.tile_quality import TileQuality, tile_quality
from mani_monai.data.writers.geojson import nucleus_id
from mani_monai.data.writers.tables import nucleus_class
from mani_monai.large_picture import Window, parts_by_borders
from mani_monai.model import Model
from mani_monai.nuclei import nuclei_of
from mani_monai.transforms.polygons import instance_polygons
from mani_monai.transforms.rescaling import Frame
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.transforms.tissue import tissue_mask

DECIMALS = 4
"""Of measures: beyond them a sum may depend on where its window lies."""
_MARGIN = 16  # pixels of the grid around a tile's nuclei: four of the slide, at least
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


Answer = tuple[NDArray[np.float32], Window]
"""The network's answer, KHW, and where on its grid it lies."""


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
        return tile_quality(picture[core.within(window)], core, self.ratio, self.um, self.tissue)

    def answer(self, tile: Tile, picture: NDArray[np.uint8], times: int = 1) -> Answer | None:
        """What the network says of a tile's window, where it has tissue.

        Args:
            tile: the tile.
            picture: as :meth:`read` gives it.
            times: likewise.

        Returns:
            None where the window has no tissue whose nuclei count.
        """
        window, tissue = self.grid.window(tile, times * self.grid.halo), tissue_mask(picture)
        seen = self.grid.around(window, tissue)
        if seen is None:
            return None
        place = seen.within(window)
        return self.model.maps(picture[place], self.colours, tissue[place]), seen

    def table(self, tile: Tile, answer: Answer) -> pa.Table:
        """The nuclei that a tile owns, from the network's answer to its window.

        A nucleus belongs to the tile whose core holds the top left corner of its bounding box. It is the whole slide's
        if it keeps the grid's reach from where the window is cut; of HoVer-Net, if all that it touches does. Where one
        that overlaps the core does not, the tile is done again with twice the halo. One that still does not is flagged.

        Raises:
            InputError: when pixels cannot be decoded or the answer is not finite.
        """
        maps, window = self._trusted(*answer)
        instances, cut, unsettled = self._owned(tile, window, maps)
        if unsettled and (wider := self.answer(tile, self.read(tile, 2), 2)):
            maps, window = self._trusted(*wider)
            instances, cut, _ = self._owned(tile, window, maps)
        return self._rows(instances, maps, window, cut)

    def _trusted(self, maps: NDArray[np.float32], window: Window) -> tuple[NDArray[np.float32], Window]:
        """What of the network's answer to a window is the whole's, and where it lies."""
        inner = self.grid.trusted(window)
        return maps[(slice(None), *inner.within(window))], inner

    def _owned(self, tile: Tile, window: Window, maps: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray, bool]:
        """Nuclei that a tile owns, 0 elsewhere; which of all may be cut; whether one of these overlaps the core."""
        instances, core, reach = self.model.parted(maps), tile.core, self.grid.reach - self.grid.blind
        boxes = boxes_of(instances)
        outer = clump_boxes(self.model, instances, maps) if parts_by_borders(self.model) else boxes
        top, left = window.top + boxes[:, 0], window.left + boxes[:, 2]
        owned = (top >= core.top) & (top < core.bottom) & (left >= core.left) & (left < core.right)
        top, bottom = (window.top + outer[:, :2]).T
        left, right = (window.left + outer[:, 2:]).T
        cut = np.zeros(len(boxes), bool)
        cut |= (window.top > 0) & (top < window.top + reach)
        cut |= (window.left > 0) & (left < window.left + reach)
        cut |= (window.bottom < self.grid.shape[0]) & (bottom > window.bottom - reach)
        cut |= (window.right < self.grid.shape[1]) & (right > window.right - reach)
        overlaps = (top < core.bottom) & (bottom > core.top) & (left < core.right) & (right > core.left)
        numbers = np.append(False, owned) * np.arange(len(owned) + 1, dtype=np.int32)
        return numbers[instances], cut, bool((cut & overlaps).any())

    def _rows(self, instances: NDArray[np.int32], maps: NDArray[np.float32], window: Window, cut: NDArray) -> pa.Table:
        """Rows of the table, measured on the slide's own pixels as those of an image are."""
        filled = [np.flatnonzero(instances.any(axis=axis)) for axis in (1, 0)]
        if not len(filled[0]):
            return SCHEMA.empty_table()
        rows, columns = (
            slice(max(int(places[0]) - _MARGIN, 0), min(int(places[-1]) + 1 + _MARGIN, side))
            for places, side in zip(filled, instances.shape, strict=True)
        )
        spans = (
            (window.top + rows.start, window.top + rows.stop),
            (window.left + columns.start, window.left + columns.stop),
        )
        frame = Frame.of(self.slide.shape, self.ratio, *spans)
        um, declaration = self.slide.size.um, self.model.declaration
        nuclei = nuclei_of(instances[rows, columns], maps[:, rows, columns], frame, declaration, um)
        table = nuclei.table
        corner = np.array([frame.columns[0], frame.rows[0]])
        x, y = (
            _middle(table[f"centroid_{axis}"], table["area"], int(start))
            for axis, start in zip(("column", "row"), corner, strict=True)
        )
        inside = np.flatnonzero(shapely.contains_xy(self.region, x, y))
        ids = table["id"][inside]
        numbers = np.zeros(len(cut) + 1, np.int32)
        numbers[ids] = np.arange(1, len(ids) + 1)
        outlines = [
            [[ring + corner for ring in polygon] for polygon in polygons]
            for polygons in instance_polygons(numbers[nuclei.instances]).values()
        ]
        shapes = np.array([_shape(polygons) for polygons in outlines], dtype=object)
        types = table.get("type", np.zeros(len(x), np.int64))[inside]
        measures = {
            "id": [nucleus_id(self.slide.hash, polygons) for polygons in outlines],
            "geometry": list(shapely.to_wkb(shapes)),
            "bbox": [dict(zip(_CORNERS, row, strict=True)) for row in shapely.bounds(shapes).reshape(-1, 4).tolist()],
            "centroid_x": x[inside].round(DECIMALS),
            "centroid_y": y[inside].round(DECIMALS),
            "area_um2": table["area_um2"][inside].round(DECIMALS),
            "perimeter_um": (table["perimeter"][inside] * um).round(DECIMALS),
            "type": types.astype(np.int16),
            "class": [nucleus_class(int(kind), declaration.class_names).name for kind in types],
            "cut": cut[ids - 1],
        }
        for name in ("eccentricity", "solidity", "mean_probability", "probability_margin"):
            measures[name] = table[name][inside].round(DECIMALS)
        return pa.table({name: measures[name] for name in SCHEMA.names}, SCHEMA)


def _shape(polygons: Sequence[Sequence[NDArray]]) -> Polygon | MultiPolygon:
    parts = [Polygon(rings[0], rings[1:]) for rings in polygons]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def _middle(centre: NDArray, area: NDArray, start: int) -> NDArray[np.float64]:
    """Centroids, counted from pixels' edges: from whole numbers, hence the same from any window."""
    total = np.round(2 * centre * area)  # twice the sum of whole numbers
    return (total + area * (2 * start + 1)) / (2 * area)
