"""Masks, outlines and tables of groups as they come, each with how many nuclei it holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from mani_monai.data.writers import write_geojson
from mani_monai.transforms import nuclei_table

REFUSED = -1
MaskWriter = Callable[[Path, np.ndarray, np.random.Generator], int | None]
"""Writes ids HW to a stem with an ending, and says how many nuclei of it are right, or ``REFUSED``."""


def _count(ids: np.ndarray) -> int:
    return len(np.unique(ids[ids > 0]))


def _png(change: Callable[[np.ndarray], np.ndarray], right: int | None = 0, ending: str = ".png") -> MaskWriter:
    def write(stem: Path, ids: np.ndarray, random: np.random.Generator) -> int | None:
        Image.fromarray(change(ids)).save(stem.with_name(stem.name + ending))
        return right if right != 0 else _count(ids)

    return write


def _tiff(change: Callable[[np.ndarray], np.ndarray], right: int | None = 0, **options) -> MaskWriter:
    def write(stem: Path, ids: np.ndarray, random: np.random.Generator) -> int | None:
        tifffile.imwrite(stem.with_suffix(".tif"), change(ids), **{"photometric": "minisblack", **options})
        return right if right != 0 else _count(ids)

    return write


def _features(stem: Path, ids: np.ndarray) -> dict:
    path = stem.with_suffix(".geojson")
    write_geojson(path, ids.astype(np.int32), nuclei_table(ids.astype(np.int32)))
    return json.loads(path.read_text())


def _outlines(change: Callable[[dict, np.random.Generator], object], right: int | None = 0) -> MaskWriter:
    def write(stem: Path, ids: np.ndarray, random: np.random.Generator) -> int | None:
        content = change(_features(stem, ids), random)
        stem.with_suffix(".geojson").write_text(json.dumps(content))
        return right if right != 0 else _count(ids)

    return write


def _in_shares(content: dict, random: np.random.Generator) -> dict:
    for feature in content["features"]:
        rings = feature["geometry"]["coordinates"]
        feature["geometry"]["coordinates"] = [[[x / 96, y / 80] for x, y in ring] for ring in rings]
    return content


def _odd_class(content: dict, random: np.random.Generator) -> dict:
    odd = ["a", ["a", "b"], {"name": 3}, {"names": "a"}, {"names": [1, None]}, 2, [], "\ud800"]
    for feature in content["features"]:
        feature["properties"]["classification"] = odd[int(random.integers(len(odd)))]
    return content


def _huge_number(content: dict, random: np.random.Generator) -> dict:
    content["features"][0]["properties"].setdefault("measurements", {})["id"] = 10 ** int(random.integers(19, 400))
    return content


def _utf_16(stem: Path, ids: np.ndarray, random: np.random.Generator) -> int:
    stem.with_suffix(".geojson").write_bytes(json.dumps(_features(stem, ids)).encode("utf-16"))
    return _count(ids)


def _same_number(content: dict, random: np.random.Generator) -> dict:
    for feature in content["features"]:
        feature["properties"].setdefault("measurements", {})["id"] = int(random.integers(0, 2))
    return content


def _odd_number(content: dict, random: np.random.Generator) -> dict:
    odd = [None, "NaN", -3, 2.5, 2**40, [], {}, True, 0]
    for feature in content["features"]:
        feature["properties"].setdefault("measurements", {})["id"] = odd[int(random.integers(len(odd)))]
    return content


def _no_properties(content: dict, random: np.random.Generator) -> dict:
    for feature in content["features"]:
        feature["properties"] = None if random.random() < 0.5 else {}
    return content


def _region(content: dict, random: np.random.Generator) -> dict:
    ring = [[0, 0], [96, 0], [96, 80], [0, 80], [0, 0]]
    region = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}
    content["features"].insert(int(random.integers(len(content["features"]) + 1)), region)
    return content


def _nonsense(content: dict, random: np.random.Generator) -> object:
    ring = content["features"][0]["geometry"]["coordinates"][0]
    odd = [
        None, 3, "x", [], {}, {"type": "FeatureCollection"}, {"features": 3}, [[]], {"type": "Feature", "geometry": 1},
        {"type": "Polygon", "coordinates": [[ring[0]]]}, {"type": "Polygon", "coordinates": "x"},
        {"type": "Polygon", "coordinates": [[["a", "b"], ["c", "d"], ["e", "f"]]]},
        {"type": "Polygon", "coordinates": [[[1e308, 1e308], [-1e308, 0], [0, 1e308], [1e308, 1e308]]]},
        {"type": "GeometryCollection", "geometries": [{"type": "GeometryCollection", "geometries": []}]},
    ]  # fmt: skip
    return odd[int(random.integers(len(odd)))]


def _text(stem: Path, ids: np.ndarray, random: np.random.Generator) -> int | None:
    """Outlines with bytes changed here and there."""
    _features(stem, ids)
    path = stem.with_suffix(".geojson")
    content = bytearray(path.read_bytes())
    for place in random.integers(0, len(content), int(random.integers(1, 6))):
        content[place] = int(random.integers(256))
    path.write_bytes(content)
    return None


def _colours(ids: np.ndarray) -> np.ndarray:
    palette = np.random.default_rng(0).integers(0, 256, (int(ids.max()) + 1, 3), dtype=np.uint8)
    return palette[ids]


def _elsewhere(ids: np.ndarray) -> np.ndarray:
    """Nuclei of another image of the same size: as many, at other places."""
    other, rows, columns = np.zeros(ids.shape, np.uint16), *np.mgrid[: ids.shape[0], : ids.shape[1]]
    for number, (row, column) in enumerate(((30, 14), (28, 72), (45, 48), (70, 45), (8, 85)), start=1):
        other[(rows - row) ** 2 + (columns - column) ** 2 < 40] = number
    return other


MASKS: dict[str, MaskWriter] = {
    "ids": _png(lambda i: i.astype(np.uint16)),
    "ids of 8 bits": _png(lambda i: i.astype(np.uint8)),
    "ids with gaps": _png(lambda i: (i * 37).astype(np.uint16)),
    "binary": _png(lambda i: ((i > 0) * 255).astype(np.uint8)),
    "logical": _png(lambda i: i > 0),
    "equal channels": _png(lambda i: np.repeat(i.astype(np.uint8)[..., None], 3, axis=2)),
    "with a word": _png(lambda i: i.astype(np.uint16), ending="_mask.png"),
    "float ids": _tiff(lambda i: i.astype(np.float32)),
    "32 bits": _tiff(lambda i: i.astype(np.int32)),
    "white is zero": _tiff(lambda i: ((i == 0) * 255).astype(np.uint8), photometric="miniswhite"),
    "probability": _tiff(lambda i: (i > 0) * np.float32(0.7) + np.float32(0.1), REFUSED),
    "negative": _tiff(lambda i: i.astype(np.int16) - 1, REFUSED),
    "colours": _png(_colours, REFUSED),
    "inverted": _png(lambda i: ((i == 0) * 255).astype(np.uint8), REFUSED),
    "another size": _png(lambda i: i[:-1].astype(np.uint16), REFUSED),
    "turned": _png(lambda i: i.T.astype(np.uint16), REFUSED),
    "moved by a row": _png(lambda i: np.roll(i, 1, axis=0).astype(np.uint16)),
    "moved far": _png(lambda i: np.roll(i, (24, 17), axis=(0, 1)).astype(np.uint16), REFUSED),
    "of another image": _png(_elsewhere, REFUSED),
    "levels": _png(lambda i: (np.indices(i.shape).sum(0) // 9).astype(np.uint8), REFUSED),
    "noise": _png(lambda i: np.random.default_rng(0).integers(0, 9, i.shape).astype(np.uint8), REFUSED),
    "empty": _png(lambda i: i.astype(np.uint16) * 0, REFUSED),
    "outlines": _outlines(lambda content, random: content),
    "outlines in shares of the image": _outlines(_in_shares, REFUSED),
    "outlines of odd classes": _outlines(_odd_class),
    "outlines in UTF-16": _utf_16,
    "outlines as a list": _outlines(lambda content, random: content["features"]),
    "outlines of one number": _outlines(_same_number),
    "outlines of odd numbers": _outlines(_odd_number),
    "outlines of a huge number": _outlines(_huge_number),
    "outlines without properties": _outlines(_no_properties),
    "a region among outlines": _outlines(_region),
    "no outlines": _outlines(_nonsense, None),
    "damaged outlines": _text,
}

GROUPS: dict[str, tuple[str, bool | None]] = {
    "commas": ("image,group\na,p\nb,p\nc,q\n", True),
    "semicolons": ("image;group\na;p\nb;p\nc;q\n", True),
    "tabs and spaces": ("Image\tGroup\na \t p\nb\tp\nc\tq\n", True),
    "file names": ("image,group\na.png,p\nb.png,p\nc.png,q\n", True),
    "a mark of order": ("\ufeffimage,group\na,p\nb,p\nc,q\n", True),
    "other columns, too": ("group,x,image\np,1,a\np,2,b\nq,3,c\n", True),
    "a contradiction": ("image,group\na,p\na,q\nb,p\nc,q\n", False),
    "one is missing": ("image,group\na,p\nb,p\n", False),
    "a dash in two kinds": ("image,group\na,p-1\nb,p\u20131\nc,q\n", False),
    "a number with and without a decimal": ("image,group\na,1.0\nb,1\nc,2\n", False),
    "an empty group": ("image,group\na,\nb,p\nc,q\n", False),
    "no header": ("a,p\nb,p\nc,q\n", False),
    "nothing": ("", False),
    "too many cells": ("image,group\na,p,q\nb,p\nc,q\n", False),
    "a quote that stays open": ('image,group\n"a,p\nb,p\nc,q\n', False),
    "Excel's line of the separator": ("sep=;\nimage;group\na;p\nb;p\nc;q\n", True),
    "bars between cells": ("image|group\na|p\nb|p\nc|q\n", False),
    "spaces between cells": ("image group\na p\nb p\nc q\n", False),
    "two kinds of separators": ("image,group\na;p\nb,p\nc,q\n", False),
    "line ends of old systems": ("image,group\ra,p\rb,p\rc,q\r", True),
    "bytes of another kind": ("image,group\na,p\0\nb,p\nc,q\n", None),
}
"""By name: a table of the images a, b and c, and whether it is taken."""
