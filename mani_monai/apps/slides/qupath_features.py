"""Nuclei of a slide and rectangles on it as features of GeoJSON, as QuPath exchanges objects."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from mani_monai.data.writers.tables import nucleus_class
from mani_monai.utils.folders import replacing

DETECTION, ANNOTATION = "detection", "annotation"
TRAINING, VALIDATION, TEST = "Training", "Validation", "Test"
_MEASURES = ("area_um2", "mean_probability")  # few: QuPath holds all in memory
_PURPLE = (160, 32, 240)

_TOGETHER = 256  # features that are packed at once
_text = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

Write = Callable[[Iterable[str]], None]


def nucleus_features(nuclei: pa.Table, names: Sequence[str] | None = None, kind: str = DETECTION) -> Iterator[str]:
    """A feature a nucleus, as JSON.

    Args:
        nuclei: rows of the slide's table.
        names: of their classes, background first.
        kind: detections are light and cannot be edited; annotations can, and have no measurements.
    """
    shapes = shapely.from_wkb(nuclei["geometry"].to_numpy(zero_copy_only=False))
    table = nuclei.select(["id", "type", "cut", *_MEASURES]).to_pylist()
    for row, geometry in zip(table, _geometries(shapes), strict=True):
        class_ = nucleus_class(row["type"], names)
        properties: dict[str, Any] = {
            "objectType": kind,
            "classification": {"name": class_.name, "color": list(class_.colour)},
        }
        if kind == DETECTION:
            measures = {name: row[name] for name in _MEASURES}
            properties["measurements"] = {**measures, "cut": 1} if row["cut"] else measures
        yield _feature(row["id"], geometry, properties)


def rectangle_feature(corners: tuple[float, float, float, float], name: str, slide_hash: str) -> str:
    """A locked rectangle of QuPath's class "Training", as JSON.

    Args:
        corners: left, top, right and bottom in pixels of the slide.
        name: shown in QuPath's list.
        slide_hash: of the slide, for an id that is the same every time.
    """
    number = uuid.uuid5(uuid.NAMESPACE_OID, f"{slide_hash} {TRAINING} {corners[0]} {corners[1]}")
    properties = {
        "objectType": ANNOTATION,
        "name": name,
        "classification": {"name": TRAINING, "color": list(_PURPLE)},
        "isLocked": True,
    }
    return _feature(str(number), next(_geometries([shapely.box(*corners)])), properties)


@contextmanager
def feature_file(path: Path) -> Iterator[Write]:
    """Gives a function that appends features to a FeatureCollection, which is there whole at the end or not at all.

    Args:
        path: the file; packed with gzip where its name ends so, with the same bytes every time.

    Raises:
        InputError: when it cannot be written.
    """
    separator = "\n"

    def write(features: Iterable[str]) -> None:
        nonlocal separator
        rest = iter(features)
        while lines := list(islice(rest, _TOGETHER)):
            stream.write((separator + ",\n".join(lines)).encode())
            separator = ",\n"

    with replacing(path) as partial, open(partial, "wb") as raw, _packed(raw, path.suffix == ".gz") as stream:
        stream.write(b'{"type":"FeatureCollection","features":[')
        yield write
        stream.write(b"\n]}\n")


def _packed(raw: BinaryIO, gzipped: bool) -> AbstractContextManager[IO[bytes]]:
    """The stream itself, or one that packs what it gets, without a name and a time."""
    packed = gzip.GzipFile("", "wb", 6, raw, mtime=0) if gzipped else nullcontext(raw)
    return cast("AbstractContextManager[IO[bytes]]", packed)


def _feature(number: str, geometry: str, properties: dict[str, Any]) -> str:
    return f'{{"type":"Feature","id":{_text(number)},"geometry":{geometry},"properties":{_text(properties)}}}'


def _geometries(shapes: Sequence[shapely.Geometry] | NDArray[np.object_]) -> Iterator[str]:
    """Geometries of polygons as JSON, with whole numbers where they are whole, which halves the file."""
    parts, of_shape = shapely.get_parts(shapes, return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    points, of_ring = shapely.get_coordinates(rings, return_index=True)
    if not np.isfinite(points).all():
        raise ValueError("outlines must be finite, got NaN or infinity.")
    whole = points.astype(np.int64)
    if (whole == points).all():
        values: list[Any] = whole.ravel().tolist()
    else:
        values = [int(value) if value.is_integer() else value for value in points.ravel().tolist()]
    edges = np.searchsorted(of_ring, np.arange(len(rings) + 1)).tolist()
    outlines = [
        f"[{','.join(['[%s,%s]'] * (stop - start))}]" % tuple(values[2 * start : 2 * stop])
        for start, stop in pairwise(edges)
    ]
    polygons = _grouped(_grouped(outlines, of_part, len(parts)), of_shape, len(shapes))
    for shape, text in zip(shapes, polygons, strict=True):
        kind, coordinates = ("Polygon", text[1:-1]) if isinstance(shape, shapely.Polygon) else ("MultiPolygon", text)
        yield f'{{"type":"{kind}","coordinates":{coordinates}}}'


def _grouped(items: list[str], groups: NDArray[np.int64], count: int) -> list[str]:
    """JSON's lists of items, group by group, whose numbers 0 to ``count - 1`` ascend."""
    edges = np.searchsorted(groups, np.arange(count + 1)).tolist()
    return [f"[{','.join(items[start:stop])}]" for start, stop in pairwise(edges)]
