"""Nuclei as GeoJSON detections, as QuPath exchanges objects."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.transforms.polygons import instance_polygons
from scripts.utils.folders import replacing

from .instance_maps import checked
from .tables import nucleus_class, rows_of


def write_geojson(
    path: str | Path,
    instances: NDArray[np.integer],
    table: Mapping[str, NDArray],
    class_names: Sequence[str] | None = None,
    source: str | None = None,
) -> None:
    """Writes a FeatureCollection of one detection a nucleus, which QuPath (0.4 and later) opens as it is.

    Coordinates are pixel edges, x to the right and y down from the image's top left corner, so that outlines run
    around the very pixels of the map; the table's centroids count from pixel centres, half a pixel less. Rings are
    closed and run as RFC 7946 asks: exteriors with positive area in these coordinates, holes with negative. Of the
    text, one nucleus at a time is held in memory.

    Args:
        path: the file; its folder is made.
        instances: HW ids, 0 background.
        table: equally long columns by name, one of them ``id``; all but ``type`` become measurements.
        class_names: see :func:`nucleus_class`.
        source: of :func:`nucleus_id`; the file's name without its ending by default.

    Raises:
        InputError: when the file cannot be written.
        ValueError: when instances is no map of ids, or the table lacks a nucleus.
    """
    path = Path(path)
    polygons = instance_polygons(checked(instances))
    missing = sorted(polygons.keys() - {int(number) for number in table["id"]})
    if missing:
        raise ValueError(f"table must have a row for every nucleus, got none for id {missing[0]}.")
    separator = "\n"
    with replacing(path) as partial, open(partial, "w", encoding="utf-8") as stream:
        stream.write('{"type":"FeatureCollection","features":[')
        for row in rows_of(table):
            number = int(row["id"])
            if number in polygons:
                feature = _feature(source or path.stem, row, polygons[number], class_names)
                stream.write(separator + json.dumps(feature, separators=(",", ":"), allow_nan=False))
                separator = ",\n"
        stream.write("\n]}\n")


def nucleus_id(source: str, polygons: Sequence[Sequence[NDArray]]) -> str:
    """A UUID, as QuPath wants it, that a nucleus has in every file: of its image and its first pixel in raster order.

    Args:
        source: what tells the image from others, such as its file's SHA-256.
        polygons: the nucleus's outline: polygons, each an outer ring and its holes of N2 points x, y.
    """
    points = np.concatenate([rings[0] for rings in polygons])
    row = int(points[:, 1].min())
    column = int(points[points[:, 1] == row, 0].min())
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{source} {row} {column}"))


def _feature(
    source: str,
    row: Mapping[str, int | float | str],
    polygons: Sequence[Sequence[NDArray]],
    class_names: Sequence[str] | None,
) -> dict[str, Any]:
    kind = nucleus_class(int(row.get("type", 0)), class_names)
    shapes = [[[*points, points[0]] for points in map(np.ndarray.tolist, rings)] for rings in polygons]
    single = len(shapes) == 1
    return {
        "type": "Feature",
        "id": nucleus_id(source, polygons),
        "geometry": {"type": "Polygon" if single else "MultiPolygon", "coordinates": shapes[0] if single else shapes},
        "properties": {
            "objectType": "detection",
            "classification": {"name": kind.name, "color": list(kind.colour)},
            "measurements": {name: value for name, value in row.items() if name != "type"},
        },
    }
