"""Outlines in GeoJSON, as QuPath and others write them, in this year's layout and in older ones."""

from __future__ import annotations

import gzip
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mani_monai.utils.errors import InputError
from mani_monai.utils.folders import FETCH, is_leftover, is_lfs_pointer

from .outlines import Outline, OutlinedNuclei, rasterised

OUTLINE_ENDINGS = (".geojson", ".geojson.gz", ".json", ".json.gz", ".geojson.zip", ".zip")
_NO_NUCLEI = {"tile", "tma_core", "tmacore", "root"}  # QuPath's kinds of objects, in lower case
_MOST_BYTES = 2**31  # of a file that is unpacked
_FOUND = {"detection", "cell"}  # objects that a program found
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"  # a packed file's first bytes
_MOST_REGIONS = 10**8  # bytes of a file of regions
_MOST_NUMBER = 2**63  # beyond which a number is no id
_FAILURES = (
    OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, zlib.error, EOFError,
    zipfile.BadZipFile, NotImplementedError, RuntimeError, OverflowError,
)  # fmt: skip


def read_geojson(path: str | Path, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Rasterises a file of polygons; see :func:`read_outlines`.

    Args:
        path: a file of ``write_geojson`` or of another program.
        shape: height and width of the image, in pixels.

    Returns:
        HW ids, 0 background.

    Raises:
        InputError: as :func:`read_outlines`.
    """
    return read_outlines(path, shape).ids


def read_outlines(path: str | Path, shape: tuple[int, int]) -> OutlinedNuclei:
    """Reads nuclei from GeoJSON: a FeatureCollection, an array of features, one feature, or a bare geometry.

    A nucleus keeps the measurement ``id`` as its number where it is the first with it; a detection that has one, as
    this project writes them, is never a region. Points and lines are left out,
    and so are regions, see :func:`mani_monai.data.readers.outlines.rasterised`. Of a cell the nucleus is taken.

    Args:
        path: the file, packed with gzip or zip or not.
        shape: height and width of the image, in pixels; what reaches beyond is cut off.

    Raises:
        InputError: when the file is missing or is no such file, or when none of its outlines is a nucleus of the image.
    """
    path = Path(path)
    outlines, left_out = read_objects(path)
    nuclei = rasterised(path, outlines, shape)
    if not left_out:
        return nuclei
    return OutlinedNuclei(nuclei.ids, nuclei.kinds, (*nuclei.notes, ("points and lines left out", left_out)))


def read_objects(path: Path) -> tuple[list[Outline], int]:
    """Reads all objects that have an area, whatever they are.

    Args:
        path: as for :func:`read_outlines`.

    Returns:
        the objects in the file's order, and how many points and lines were left out.

    Raises:
        InputError: when the file is missing, or is no such file.
    """
    with _refusing(path, "FeatureCollection of polygons"):
        features = list(_features(json.loads(_text(path, _MOST_BYTES))))
        outlines = [outline for feature in features if (outline := _outline(feature)) is not None]
        if features and not outlines:
            raise ValueError("no polygon")
    return outlines, len(features) - len(outlines)


def read_polygons(path: str | Path) -> list[list[NDArray]]:
    """Reads the polygons of all features but detections and cells: regions that a person drew.

    Args:
        path: as for :func:`read_outlines`.

    Returns:
        polygons, each an outer ring and its holes, N2 (x, y) in pixels.

    Raises:
        InputError: when the file is missing, too large, or holds no polygon.
    """
    path = Path(path)
    with _refusing(path, "of regions"):
        features = _features(json.loads(_text(path, _MOST_REGIONS)))
        drawn = [feature for feature in features if _kind(feature.get("properties") or {}) not in _FOUND]
        polygons = [polygon for feature in drawn for polygon in _polygons(feature["geometry"])]
        if not polygons:
            raise ValueError("no polygon of an annotation")
    return polygons


@contextmanager
def _refusing(path: Path, what: str) -> Iterator[None]:
    """Whatever goes wrong with a file as one line that names it."""
    if is_lfs_pointer(path):
        raise InputError(f"{path}: {FETCH}.")
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: is not there; name a file that is.") from None
    except _FAILURES as error:
        reason = f"{type(error).__name__} {error}".splitlines()[0]
        raise InputError(f"{path}: is no GeoJSON {what} ({reason}); export it again.") from error


def _text(path: Path, most: int) -> str:
    """The text of a file, of which no more is unpacked or read than is allowed.

    Raises:
        InputError: when there is more.
    """
    content = _content(path, most)
    if len(content) > most:
        raise InputError(f"{path}: holds more than {most // 10**6} MB of outlines; draw fewer points, or split it.")
    return content.decode(json.detect_encoding(content))


def _content(path: Path, most: int) -> bytes:
    """The first bytes of a file, unpacked, up to one more than is allowed; browsers unpack without another name."""
    with open(path, "rb") as stream:
        start = stream.read(4)
    if start.startswith(_GZIP):
        with gzip.open(path, "rb") as stream:
            return stream.read(most + 1)
    elif start == _ZIP:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith((".geojson", ".json"))]
            names = [name for name in names if not is_leftover(Path(name), Path())]
            if len(names) != 1:
                raise ValueError(f"the zip holds {len(names)} such files, not one")
            with archive.open(names[0]) as stream:
                return stream.read(most + 1)
    with open(path, "rb") as stream:
        return stream.read(min(path.stat().st_size, most) + 1)


def _features(content: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, list):
        for part in content:
            yield from _features(part)
    elif "features" in content:
        yield from _features(content["features"])
    elif "geometry" in content:
        yield content
    elif "coordinates" in content or "geometries" in content:
        yield {"geometry": content}
    else:
        raise ValueError("a feature without a geometry")


def _outline(feature: Mapping[str, Any]) -> Outline | None:
    polygons = list(_polygons(feature.get("nucleusGeometry") or feature["geometry"]))
    if not polygons:
        return None
    properties = feature.get("properties") or {}
    kind = _kind(properties)
    number = _number(properties)
    is_region = True if kind in _NO_NUCLEI else False if kind == "detection" and number is not None else None
    return Outline(polygons, number, _class(properties.get("classification")), is_region, kind)


def _kind(properties: Mapping[str, Any]) -> str:
    return str(properties.get("objectType", properties.get("object_type", ""))).lower()


def _class(classification: Any) -> str | None:
    """The class's name, as an object's, in a list of several, or bare; what no file can hold is replaced."""
    if isinstance(classification, Mapping):
        classification = classification.get("name") or classification.get("names")
    names = classification if isinstance(classification, list) else [classification]
    words = ": ".join(str(name) for name in names if name not in (None, ""))
    return words.encode("utf-8", "replace").decode() or None


def _polygons(geometry: Mapping[str, Any] | None) -> Iterator[list[NDArray]]:
    """Polygons as lists of rings; nothing for points, lines and what is empty."""
    if geometry is None:
        return
    kind = geometry["type"]
    if kind == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _polygons(part)
    elif kind in ("Polygon", "MultiPolygon"):
        coordinates = geometry["coordinates"]
        for rings in [coordinates] if kind == "Polygon" else coordinates:
            if not rings or not rings[0]:  # as shapely writes what is empty
                continue
            polygon = [np.asarray(ring, float)[:, :2] for ring in rings if ring]
            if not all(np.isfinite(ring).all() and ring.shape[1] == 2 for ring in polygon):
                raise ValueError("a polygon without finite coordinates x and y")
            yield polygon
    elif kind not in ("Point", "MultiPoint", "LineString", "MultiLineString"):
        raise ValueError(f"a geometry of type {kind}")


def _number(properties: Mapping[str, Any]) -> int | None:
    measurements = properties.get("measurements") or {}
    if isinstance(measurements, list):  # QuPath up to 0.3
        measurements = {each.get("name"): each.get("value") for each in measurements}
    number = measurements.get("id")
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) < _MOST_NUMBER:
        return None
    return int(number) if number == int(number) else None
