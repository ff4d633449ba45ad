"""GeoJSON as programs write it, odd and hostile: every nucleus in its place, or one line."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from mani_monai.data.readers.geojson_outlines import read_outlines, read_polygons
from mani_monai.utils import InputError

SHAPE = (100, 120)
PLACES = ((5, 5), (30, 10), (60, 50))


def ring(x, y, side=10, *further):
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
    return [[*corner, *further] for corner in corners]


def feature(*rings, **properties):
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [*rings]}, "properties": properties}


def collection(*features, **further):
    return {"type": "FeatureCollection", "features": [*features], **further}


def three(**properties):
    return collection(*(feature(ring(*place), **properties) for place in PLACES))


EXPECTED = np.zeros(SHAPE, int)
for _number, (_x, _y) in enumerate(PLACES, start=1):
    EXPECTED[_y : _y + 10, _x : _x + 10] = _number
TEXT = json.dumps(three())


def read(path, content):
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_outlines(path, SHAPE)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.geojson", b"\xef\xbb\xbf" + TEXT.encode()),
        ("a.geojson", TEXT.encode("utf-16")),
        ("a.geojson", TEXT.encode("utf-32")),
        ("a.geojson.gz", gzip.compress(TEXT.encode())),
        ("a.geojson.gz", TEXT.encode()),
        ("a.geojson", gzip.compress(TEXT.encode())),
        ("a.geojson.gz", gzip.compress(TEXT[:50].encode()) + gzip.compress(TEXT[50:].encode())),
    ],
    ids=["BOM", "UTF-16", "UTF-32", "packed", "unpacked by a browser", "packed without saying so", "two parts"],
)
def test_encodings_and_packings_are_told_by_the_bytes(tmp_path, name, content):
    np.testing.assert_array_equal(read(tmp_path / name, content).ids, EXPECTED)


@pytest.mark.parametrize(
    "content",
    [
        collection(*three()["features"], crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}),
        collection(*(feature(ring(*place, 10, 0.5)) for place in PLACES)),
        collection(*(feature(ring(*place)[:-1]) for place in PLACES)),
        collection(*(feature(ring(*place)[::-1], []) for place in PLACES)),
        collection(three()),
        three()["features"],
        collection(*({"geometry": each["geometry"]} for each in three()["features"])),
        collection(*({**each, "id": "one"} for each in three()["features"])),
        collection(*three()["features"], feature(ring(500, 500))),
        collection(*three()["features"], {"type": "Feature", "geometry": None, "properties": None}),
        collection(*three()["features"], {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": []}}),
    ],
    ids=[
        "another CRS", "three coordinates", "open rings", "turned round, an empty hole", "nested", "a list",
        "geometry alone", "one id for all", "one outside", "no geometry", "an empty polygon",
    ],
)  # fmt: skip
def test_every_layout_gives_the_same_nuclei(tmp_path, content):
    np.testing.assert_array_equal(read(tmp_path / "a.geojson", content).ids, EXPECTED)


@pytest.mark.parametrize(
    ("classification", "kind"),
    [
        ("Tumor", "Tumor"), (["Tumor", "Positive"], "Tumor: Positive"), ({"name": "Tumor"}, "Tumor"),
        ({"names": ["Tumor", "Positive"]}, "Tumor: Positive"), ({"names": "Tumor"}, "Tumor"), ({"name": 3}, "3"),
        ({"names": [1, 2]}, "1: 2"), (3, "3"), (None, None), ({}, None), ([], None), ("", None), ("a\ud800", "a?"),
    ],
)  # fmt: skip
def test_every_way_to_name_a_class(tmp_path, classification, kind):
    nuclei = read(tmp_path / "a.geojson", three(classification=classification))
    np.testing.assert_array_equal(nuclei.ids, EXPECTED)
    assert nuclei.kinds == ({} if kind is None else dict.fromkeys((1, 2, 3), kind))


@pytest.mark.parametrize("scale", [(1 / 120, 1 / 100, 0, 0), (1e-5, 1e-5, 9.1, 48.2)], ids=["shares", "degrees"])
def test_outlines_in_another_unit_are_refused(tmp_path, scale):
    across, down, left, top = scale
    moved = [[[left + x * across, top + y * down] for x, y in ring(*place)] for place in PLACES]
    with pytest.raises(InputError, match=r"a\.geojson: most of its outlines are smaller than a pixel; export them in"):
        read(tmp_path / "a.geojson", collection(*map(feature, moved)))


@pytest.mark.parametrize("line", [[[80, 80], [90, 90]], [[80, 80], [85, 85], [90, 90], [80, 80]], [[80, 80]] * 4])
def test_an_outline_without_an_area_is_no_nucleus(tmp_path, line):
    nuclei = read(tmp_path / "a.geojson", collection(*three()["features"], feature(line)))
    np.testing.assert_array_equal(nuclei.ids, EXPECTED)
    assert nuclei.notes == (("outlines without an area left out", 1),)


def test_a_few_tiny_nuclei_are_kept(tmp_path):
    nuclei = read(tmp_path / "a.geojson", collection(*three()["features"], feature(ring(80, 80, 0.25))))
    assert nuclei.ids[80, 80] == 4


NAN, DEEP = float("nan"), b'{"type":"GeometryCollection","geometries":[' * 5000


@pytest.mark.parametrize(
    "content",
    [
        collection(*three()["features"], feature([[NAN, 1], [3, 3], [1, 4]])),
        collection(*three()["features"], feature([[None, 1], [3, 3], [1, 4]])),
        collection(*three()["features"], feature([[10**400, 1], [3, 3], [1, 4]])),
        collection(*three()["features"], feature([[3], [4], [5]])),
        collection(*three()["features"], feature([[3, 1], [4, 1, 1], [5, 5]])),
        collection({"type": "Feature", "geometry": {"type": "Circle", "coordinates": [3, 3]}, "properties": {}}),
        collection({"type": "Feature", "geometry": {"rings": [ring(5, 5)]}}),
        {"type": "FeatureCollection", "features": {"a": 1}}, {}, None, 3, "text",
        TEXT.encode()[:-30], b"", DEEP + b"null" + b"]}" * 5000,
        gzip.compress(TEXT.encode())[:-12], TEXT.encode() + b"\0\0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("read_file", [lambda path: read_outlines(path, SHAPE), read_polygons])
def test_what_is_no_such_file_is_one_line(tmp_path, content, read_file):
    path = tmp_path / "a.geojson"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(InputError, match=r"a\.geojson: is no GeoJSON .*; export it again\.$") as caught:
        read_file(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [10**400, 2**70, -(2**64), 1e300])
def test_a_number_beyond_64_bits_is_no_id(tmp_path, number):
    content = three()
    content["features"][0]["properties"]["measurements"] = {"id": number}
    assert len(np.unique(read(tmp_path / "a.geojson", content).ids)) == 4


def test_regions_are_what_a_person_drew(tmp_path):
    drawn, found = feature(ring(5, 5), objectType="annotation"), feature(ring(30, 10), objectType="detection")
    (tmp_path / "a.geojson").write_text(json.dumps(collection(drawn, found, feature(ring(60, 50)))))
    corners = [polygon[0][0].tolist() for polygon in read_polygons(tmp_path / "a.geojson")]
    assert corners == [[5, 5], [60, 50]]
    (tmp_path / "a.geojson").write_text(json.dumps(collection(found)))
    with pytest.raises(InputError, match="no polygon of an annotation"):
        read_polygons(tmp_path / "a.geojson")


def test_a_file_that_is_not_there_is_no_damaged_one(tmp_path):
    for read in (read_polygons, lambda path: read_outlines(path, (4, 5))):
        with pytest.raises(InputError, match=r"none\.geojson: is not there; name a file that is\.$"):
            read(tmp_path / "none.geojson")
