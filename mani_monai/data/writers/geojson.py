"""Nuclei as GeoJSON detections, as QuPath exchanges objects."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon as pixels_inside

from mani_monai.transforms.polygons import instance_polygons
from mani_monai.utils import InputError
from mani_monai.utils.atomic import replacing

from .classes import nucleus_class
from .instance_maps import checked
from .tables import rows_of


def write_geojson(
    path: str | Path,
    instances: NDArray[np.integer],
    table: Mapping[str, NDArray],
    class_names: Sequence[str] | None = None,
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
            if row["id"] in polygons:
                feature = _feature(path.stem, row, polygons[row["id"]], class_names)
                stream.write(separator + json.dumps(feature, separators=(",", ":"), allow_nan=False))
                separator = ",\n"
        stream.write("\n]}\n")


def _feature(
    image: str,
    row: Mapping[str, int | float | str],
    polygons: Sequence[Sequence[NDArray]],
    class_names: Sequence[str] | None,
) -> dict[str, Any]:
    kind = nucleus_class(int(row.get("type", 0)), class_names)
    shapes = [[[*points, points[0]] for points in map(np.ndarray.tolist, rings)] for rings in polygons]
    single = len(shapes) == 1
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{image} {row['id']}")),  # QuPath wants a UUID; the same every time
        "geometry": {"type": "Polygon" if single else "MultiPolygon", "coordinates": shapes[0] if single else shapes},
        "properties": {
            "objectType": "detection",
            "classification": {"name": kind.name, "color": list(kind.colour)},
            "measurements": {name: value for name, value in row.items() if name != "type"},
        },
    }


def read_geojson(path: str | Path, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Rasterises a FeatureCollection of polygons: a pixel belongs to the nucleus whose outline holds its centre.

    Args:
        path: a file of :func:`write_geojson` or of another program.
        shape: height and width of the image, in pixels; what reaches beyond is cut off.

    Returns:
        HW ids: the measurement ``id`` of each feature, its position in the file (from 1) where there is none.

    Raises:
        InputError: when the file is missing or is no FeatureCollection of polygons.
    """
    instances = np.zeros(shape, np.int32)
    try:
        features = json.loads(Path(path).read_text(encoding="utf-8"))["features"]
        for position, feature in enumerate(features, start=1):
            geometry = feature["geometry"]
            polygons = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}[geometry["type"]]
            identifier = ((feature.get("properties") or {}).get("measurements") or {}).get("id", position)
            for rings in polygons:
                rows, columns = pixels_within([np.asarray(ring, float)[:, :2] for ring in rings], shape)
                instances[rows, columns] = identifier
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        reason = f"{type(error).__name__} {error}".splitlines()[0]
        raise InputError(f"{path}: is no GeoJSON FeatureCollection of polygons ({reason}); export it again.") from error
    return instances


def pixels_within(rings: Sequence[NDArray], shape: tuple[int, int]) -> tuple[NDArray, NDArray]:
    """Rows and columns of the pixels whose centres lie within the first ring and in none of the others."""
    left, top = np.clip(np.floor(rings[0].min(axis=0)), 0, shape[::-1]).astype(int)
    right, bottom = np.clip(np.ceil(rings[0].max(axis=0)), 0, shape[::-1]).astype(int)
    inside = np.zeros((bottom - top, right - left), bool)
    for number, ring in enumerate(rings):
        x, y = (ring - (left, top) - 0.5).T  # pixels_inside counts from pixel centres
        inside[pixels_inside(y, x, inside.shape)] = number == 0
    rows, columns = np.nonzero(inside)
    return rows + top, columns + left
