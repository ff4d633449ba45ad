"""Outlines that come back from viewers: every nucleus, one number each, no regions."""

from __future__ import annotations

import copy
import gzip
import json
import zipfile

import numpy as np
import pytest

from mani_monai.data.readers.geojson_outlines import read_geojson, read_outlines
from mani_monai.data.readers.outlines import Outline, rasterised
from mani_monai.data.writers import write_geojson
from mani_monai.utils import InputError

SHAPE = (40, 60)
PLACES = [(2, 2), (2, 20), (2, 40), (20, 2), (20, 20)]


def square(row, column, side=8, **properties):
    ring = [[column, row], [column + side, row], [column + side, row + side], [column, row + side], [column, row]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "geometry": geometry, "properties": {"objectType": "annotation", **properties}}


def region(**properties):
    feature = square(0, 0, **properties)
    feature["geometry"]["coordinates"] = [[[0, 0], [60, 0], [60, 40], [0, 40], [0, 0]]]
    return feature


@pytest.fixture
def own(tmp_path):
    """Nuclei, and the product's GeoJSON of them."""
    ids = np.zeros(SHAPE, np.int32)
    for number, (row, column) in enumerate(PLACES, start=1):
        ids[row : row + 8, column : column + 8] = number
    write_geojson(tmp_path / "own.geojson", ids, {"id": np.arange(1, 6), "area": np.full(5, 64)})
    return ids, json.loads((tmp_path / "own.geojson").read_text())


def read(tmp_path, content, shape=SHAPE):
    (tmp_path / "a.geojson").write_text(json.dumps(content))
    return read_outlines(tmp_path / "a.geojson", shape)


def numbers(nuclei):
    return np.unique(nuclei.ids[nuclei.ids > 0]).tolist()


def test_untouched_it_gives_the_very_ids(tmp_path, own):
    ids, content = own
    nuclei = read(tmp_path, content)
    np.testing.assert_array_equal(nuclei.ids, ids)
    assert nuclei.notes == ()
    assert nuclei.kinds == dict.fromkeys(range(1, 6), "nucleus")


def change(content, name):
    features = content["features"]
    if name == "deleted and drawn":
        del features[1]
        features.append(square(20, 40))
    elif name == "drawn first":
        features.insert(0, square(20, 40))
    elif name == "merged files":
        features.append(square(20, 40, measurements={"id": 1}))
    elif name == "no measurements":
        for feature in features:
            del feature["properties"]["measurements"]
    elif name == "measurements as list":
        for feature in features:
            named = feature["properties"]["measurements"].items()
            feature["properties"]["measurements"] = [{"name": key, "value": value} for key, value in named]
    elif name == "list":
        return features
    elif name == "list of collections":
        return [content]
    elif name == "collection of geometries":
        features[0]["geometry"] = {"type": "GeometryCollection", "geometries": [features[0]["geometry"]]}
    elif name == "point":
        features.append({"type": "Feature", "geometry": {"type": "Point", "coordinates": [3, 3]}, "properties": {}})
    elif name == "no geometry":
        features.append({"type": "Feature", "geometry": None, "properties": None})
    elif name == "vertex twice":
        features[0]["geometry"]["coordinates"][0].append([2, 2])
    elif name == "three dimensions":
        features[0]["geometry"]["coordinates"][0] = [[*point, 0] for point in features[0]["geometry"]["coordinates"][0]]
    elif name == "region first":
        features.insert(0, region())
    elif name == "regions last":
        features += [square(0, 0, 30, classification={"name": "Tumor"}), square(18, 0, 11, classification="Region*")]
    elif name == "tile":
        features.append(square(20, 40, objectType="tile"))
    elif name == "twice":
        features.append(copy.deepcopy(features[0]))
    elif name == "joined":
        parts = [feature["geometry"]["coordinates"] for feature in features]
        parts += [square(32, 6 * n, 5)["geometry"]["coordinates"] for n in range(8)]
        geometry = {"type": "MultiPolygon", "coordinates": parts}
        content["features"] = [{"type": "Feature", "geometry": geometry, "properties": {"objectType": "annotation"}}]
    else:
        features[0]["properties"]["measurements"]["id"] = name
    return content


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("deleted and drawn", 5), ("drawn first", 6), ("merged files", 6), ("no measurements", 5),
        ("measurements as list", 5), ("list", 5), ("list of collections", 5), ("collection of geometries", 5),
        ("point", 5), ("no geometry", 5), ("vertex twice", 5), ("three dimensions", 5), ("region first", 5),
        ("regions last", 5), ("tile", 5), ("twice", 5), ("joined", 13),
        (None, 5), ("NaN", 5), (0, 5), (-3, 5), (2, 5), (1.5, 5), (1e300, 5), (2**31, 5), (2**31 - 1, 5), (True, 5),
    ],
)  # fmt: skip
def test_every_nucleus_is_kept_with_a_number_of_its_own(tmp_path, own, name, count):
    ids, content = own
    nuclei = read(tmp_path, change(content, name))
    assert len(numbers(nuclei)) == count
    areas = np.bincount(nuclei.ids.ravel())[1:] if nuclei.ids.max() < 1000 else np.full(5, 64)
    assert (areas[areas > 0][:5] == 64).all()
    if count == 5 and name != "deleted and drawn":
        np.testing.assert_array_equal(nuclei.ids > 0, ids > 0)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("region first", ("regions left out", 1)), ("regions last", ("regions left out", 2)),
        ("tile", ("regions left out", 1)), ("point", ("points and lines left out", 1)),
        ("twice", ("nuclei drawn twice, kept once", 1)), ("joined", ("joined objects taken apart", 1)),
        ("merged files", ("nuclei numbered anew", 1)),
    ],
)  # fmt: skip
def test_what_was_left_out_is_said(tmp_path, own, name, note):
    assert note in read(tmp_path, change(own[1], name)).notes


def test_classes_go_with_their_nuclei(tmp_path):
    features = [
        square(2, 2, classification={"name": "tumour"}), square(2, 20, classification={"names": ["T", "cell"]}),
        square(2, 40),
    ]  # fmt: skip
    nuclei = read(tmp_path, features)
    assert nuclei.kinds == {1: "tumour", 2: "T: cell"}
    assert nuclei.ids[5, 5] == 1
    assert nuclei.ids[5, 25] == 2


def test_of_a_cell_the_nucleus_is_taken(tmp_path):
    cell = square(2, 2, 20, objectType="cell")
    cell["nucleusGeometry"] = square(8, 8, 5)["geometry"]
    assert (read(tmp_path, [cell]).ids > 0).sum() == 25


def test_a_small_nucleus_under_a_larger_one_stays(tmp_path):
    for features in ([square(2, 2, 20), square(16, 16, 8)], [square(16, 16, 8), square(2, 2, 20)]):
        nuclei = read(tmp_path, features)
        assert sorted(np.bincount(nuclei.ids.ravel())[1:].tolist()) == [64, 400 - 36]


def test_a_nucleus_below_a_pixel_keeps_its_pixel(tmp_path):
    nuclei = read(tmp_path, [square(2.1, 3.1, 0.2), square(20, 20)])
    assert nuclei.ids[2, 3] == 1
    assert len(numbers(nuclei)) == 2


def test_a_hole_may_hold_another_nucleus(tmp_path):
    outer = square(2, 2, 20)
    outer["geometry"]["coordinates"].append(square(6, 6, 12)["geometry"]["coordinates"][0])
    nuclei = read(tmp_path, [outer, square(8, 8, 6), square(25, 30, 3)])
    assert len(numbers(nuclei)) == 3


def test_what_lies_beyond_the_image(tmp_path):
    nuclei = read(tmp_path, [square(2, 2), square(2, 1000), square(36, 56)])
    assert len(numbers(nuclei)) == 2
    assert ("outlines beyond the image left out", 1) in nuclei.notes
    for content, why in (([square(2, 1000)], "1 outlines beyond the image"), ([region()], "1 regions left out")):
        with pytest.raises(InputError, match=rf"a\.geojson: holds no nucleus of this image \({why}"):
            read(tmp_path, content)
    assert not read(tmp_path, {"type": "FeatureCollection", "features": []}).ids.any()


@pytest.mark.parametrize("ending", [".geojson.gz", ".zip", ".json"])
def test_packed_files(tmp_path, own, ending):
    ids, content = own
    path, text = tmp_path / f"b{ending}", "\ufeff" + json.dumps(content)
    if ending == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/b.geojson", text)
            archive.writestr("__MACOSX/x/._b.geojson", "nothing")
    else:
        path.write_bytes(gzip.compress(text.encode()) if ending.endswith("gz") else text.encode())
    np.testing.assert_array_equal(read_geojson(path, SHAPE), ids)
    if ending != ".json":
        path.write_bytes(path.read_bytes()[:60])
        with pytest.raises(InputError, match="is no GeoJSON FeatureCollection of polygons"):
            read_geojson(path, SHAPE)


@pytest.mark.parametrize("text", ["[" * 100000, '{"a": 1}', "7", '[{"geometry": {"type": "Circle"}}]', "\x00"])
def test_what_is_no_geojson(tmp_path, text):
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(InputError, match=r"^[^\n]*a\.geojson: is no GeoJSON[^\n]*; export it again\.$"):
        read_geojson(tmp_path / "a.geojson", SHAPE)
    (tmp_path / "a.geojson").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n")
    with pytest.raises(InputError, match="is a Git LFS pointer"):
        read_geojson(tmp_path / "a.geojson", SHAPE)


def test_numbers_that_nearly_run_out_are_all_given_anew(tmp_path):
    rings = [[np.array([(c, 2), (c + 4, 2), (c + 4, 6), (c, 6)], float)] for c in (2, 20, 40)]
    outlines = [Outline([rings[0]], 2**31 - 1), Outline([rings[1]]), Outline([rings[2]], 5)]
    assert numbers(rasterised(tmp_path, outlines, SHAPE)) == [1, 2, 3]


def test_coordinates_beyond_all_numbers_are_beyond_the_image(tmp_path, own):
    content = own[1]
    content["features"][1]["geometry"]["coordinates"] = [[[1e300, 2], [1e301, 9], [1e300, 9], [1e300, 2]]]
    content["features"].append(square(2, 20))
    content["features"][-1]["geometry"]["coordinates"][0][1][0] = 1e18
    ids = read(tmp_path, content).ids
    assert {1, 3, 4, 5} < {*np.unique(ids).tolist()}
    assert ids[5, 58] > 0


def joined(*features):
    parts = [feature["geometry"]["coordinates"] for feature in features]
    return {"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": parts}, "properties": {}}


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ([square(2, 2), square(2, 11), square(2, 20)], 3),
        ([square(2, 2), square(2, 40)], 2),
        ([square(2, 2), square(2, 11)], 1),
        ([square(2, 2), square(2, 11, 2), square(6, 11, 2)], 1),
    ],
    ids=["three alike", "two far apart", "two side by side", "one with splinters"],
)
def test_few_nuclei_that_a_viewer_joined_are_taken_apart(tmp_path, parts, count):
    nuclei = read(tmp_path, [joined(*parts), square(25, 30)])
    assert len(numbers(nuclei)) == count + 1
    assert (("joined objects taken apart", 1) in nuclei.notes) == (count > 1)


@pytest.mark.parametrize("coordinates", [[], [[]]])
def test_an_empty_polygon_spoils_no_file(tmp_path, coordinates):
    empty = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": coordinates}, "properties": {}}
    nuclei = read(tmp_path, [square(2, 2), empty])
    assert numbers(nuclei) == [1]
    assert nuclei.notes == (("points and lines left out", 1),)


def test_outlines_without_an_area_do_not_make_the_others_small(tmp_path):
    line = [[5, 5], [9, 5], [5, 5], [5, 5]]
    flat = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [line]}, "properties": {}}
    nuclei = read(tmp_path, [square(2, 2), square(2, 20), flat, flat, flat])
    assert len(numbers(nuclei)) == 2
    assert ("outlines without an area left out", 3) in nuclei.notes


def test_a_region_whose_hole_holds_the_nuclei_is_a_region(tmp_path):
    around = region()
    around["geometry"]["coordinates"].append([[1, 1], [59, 1], [59, 39], [1, 39], [1, 1]])
    nuclei = read(tmp_path, [around, *[square(row, column) for row, column in PLACES]])
    assert len(numbers(nuclei)) == 5
    assert ("regions left out", 1) in nuclei.notes


def test_a_region_without_nuclei_is_too_large_for_a_nucleus(tmp_path):
    small = [square(row, column, 3) for row, column in PLACES]
    nuclei = read(tmp_path, [square(12, 30, 24), *small])  # 64 times as large as the others
    assert len(numbers(nuclei)) == 5
    assert ("regions left out", 1) in nuclei.notes
    nuclei = read(tmp_path, [square(12, 30, 20), *small])  # 44 times: the largest nucleus of real images has 23
    assert len(numbers(nuclei)) == 6
