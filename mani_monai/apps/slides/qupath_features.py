"""Nuclei of a slide and rectangles on it as features of GeoJSON, as QuPath exchanges objects."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import shapely

from mani_monai.data.writers.tables import nucleus_class
from mani_monai.utils.folders import replacing

DETECTION, ANNOTATION = "detection", "annotation"
TRAINING, VALIDATION, TEST = "Training", "Validation", "Test"
_MEASURES = ("area_um2", "mean_probability")  # few: QuPath holds all in memory
_PURPLE = (160, 32, 240)

Write = Callable[[Iterable[dict[str, Any]]], None]


def nucleus_features(
    nuclei: pa.Table, names: Sequence[str] | None = None, kind: str = DETECTION
) -> Iterator[dict[str, Any]]:
    """A feature a nucleus.

    Args:
        nuclei: rows of the slide's table.
        names: of their classes, background first.
        kind: detections are light and cannot be edited; annotations can, and have no measurements.
    """
    shapes = shapely.from_wkb(nuclei["geometry"].to_numpy(zero_copy_only=False))
    table = nuclei.select(["id", "type", "cut", *_MEASURES]).to_pylist()
    for row, shape in zip(table, shapes, strict=True):
        class_ = nucleus_class(row["type"], names)
        properties: dict[str, Any] = {
            "objectType": kind,
            "classification": {"name": class_.name, "color": list(class_.colour)},
        }
        if kind == DETECTION:
            measures = {name: row[name] for name in _MEASURES}
            properties["measurements"] = {**measures, "cut": 1} if row["cut"] else measures
        yield {"type": "Feature", "id": row["id"], "geometry": _geometry(shape), "properties": properties}


def rectangle_feature(corners: tuple[float, float, float, float], name: str, slide_hash: str) -> dict[str, Any]:
    """A locked rectangle of QuPath's class "Training".

    Args:
        corners: left, top, right and bottom in pixels of the slide.
        name: shown in QuPath's list.
        slide_hash: of the slide, for an id that is the same every time.
    """
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{slide_hash} {TRAINING} {corners[0]} {corners[1]}")),
        "geometry": _geometry(shapely.box(*corners)),
        "properties": {
            "objectType": ANNOTATION,
            "name": name,
            "classification": {"name": TRAINING, "color": list(_PURPLE)},
            "isLocked": True,
        },
    }


@contextmanager
def feature_file(path: Path) -> Iterator[Write]:
    """Gives a function that appends features to a FeatureCollection, which is there whole at the end or not at all.

    Args:
        path: the file; packed with gzip where its name ends so, with the same bytes every time.

    Raises:
        InputError: when it cannot be written.
    """
    separator = b"\n"

    def write(features: Iterable[dict[str, Any]]) -> None:
        nonlocal separator
        for feature in features:
            stream.write(separator + json.dumps(feature, separators=(",", ":"), allow_nan=False).encode())
            separator = b",\n"

    with replacing(path) as partial, open(partial, "wb") as raw, _packed(raw, path.suffix == ".gz") as stream:
        stream.write(b'{"type":"FeatureCollection","features":[')
        yield write
        stream.write(b"\n]}\n")


def _packed(raw: BinaryIO, gzipped: bool) -> AbstractContextManager[IO[bytes]]:
    """The stream itself, or one that packs what it gets, without a name and a time."""
    packed = gzip.GzipFile("", "wb", 6, raw, mtime=0) if gzipped else nullcontext(raw)
    return cast("AbstractContextManager[IO[bytes]]", packed)


def _geometry(shape: shapely.Geometry) -> dict[str, Any]:
    """A geometry of polygons, with whole numbers where they are whole, which halves the file."""
    polygons = [_rings(cast("shapely.Polygon", part)) for part in shapely.get_parts(shape)]
    single = isinstance(shape, shapely.Polygon)
    return {"type": "Polygon" if single else "MultiPolygon", "coordinates": polygons[0] if single else polygons}


def _rings(polygon: shapely.Polygon) -> list[list[Any]]:
    """Rings of points x, y: the outer one and the holes."""
    points, numbers = shapely.get_coordinates(shapely.get_rings(polygon), return_index=True)
    whole = points.astype(np.int64)
    if not (whole == points).all():
        plain = [[int(value) if value == int(value) else value for value in point] for point in points.tolist()]
    else:
        plain = whole.tolist()
    starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(plain)]
    return [plain[start:stop] for start, stop in pairwise(starts)]
