"""GeoJSON detections, and their way back to pixels."""

from __future__ import annotations

import json
import os
import uuid
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from mani_monai.data.readers.consep import read_instance_map
from mani_monai.data.writers import read_geojson, write_geojson
from mani_monai.data.writers.tables import PALETTE, YELLOW
from mani_monai.utils import InputError

DATA = Path(os.environ.get("MANI_DATA", Path(__file__).parents[4] / "shared" / "data")) / "CoNSeP"


def table_of(instances: np.ndarray, **columns) -> dict[str, np.ndarray]:
    ids = np.unique(instances[instances > 0])
    return {"id": ids, "area": np.array([(instances == number).sum() for number in ids]), **columns}


def written(path, instances, **columns) -> list[dict]:
    write_geojson(path, instances, table_of(instances, **columns))
    collection = json.loads(path.read_text())
    assert list(collection) == ["type", "features"]
    assert collection["type"] == "FeatureCollection"
    return collection["features"]


def area(ring) -> float:
    """Positive where the ring runs counter-clockwise in its own coordinates."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) / 2


def rings_of(feature) -> list[list]:
    """A feature's polygons, each a list of rings."""
    coordinates = feature["geometry"]["coordinates"]
    return {"Polygon": [coordinates], "MultiPolygon": coordinates}[feature["geometry"]["type"]]


SQUARE = np.zeros((6, 9), np.int32)
SQUARE[1:3, 4:8] = 5


def test_coordinates_are_pixel_edges_x_right_y_down(tmp_path):
    (feature,) = written(tmp_path / "a.geojson", SQUARE)
    assert feature["geometry"]["type"] == "Polygon"
    (ring,) = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert {tuple(point) for point in ring} == {(4, 1), (8, 1), (8, 3), (4, 3)}
    assert len(ring) == 5
    assert area(ring) == 8


def test_a_feature_is_what_qupath_exchanges(tmp_path):
    (feature,) = written(tmp_path / "a.geojson", SQUARE, solidity=np.array([0.25]))
    assert list(feature) == ["type", "id", "geometry", "properties"]
    assert feature["type"] == "Feature"
    assert str(uuid.UUID(feature["id"])) == feature["id"]
    assert feature["properties"] == {
        "objectType": "detection",
        "classification": {"name": "nucleus", "color": list(YELLOW)},
        "measurements": {"id": 5, "area": 8, "solidity": 0.25},
    }


def test_types_are_classes_and_no_measurements(tmp_path):
    instances = SQUARE.copy()
    instances[5, 0] = 9
    table = table_of(instances, type=np.array([2, 0]), type_share=np.array([0.5, 1]))
    write_geojson(tmp_path / "a.geojson", instances, table, ["background", "epithelial", "inflammatory"])
    first, second = (f["properties"] for f in json.loads((tmp_path / "a.geojson").read_text())["features"])
    assert first["classification"] == {"name": "inflammatory", "color": list(PALETTE[1])}
    assert second["classification"] == {"name": "nucleus", "color": list(YELLOW)}
    assert first["measurements"] == {"id": 5, "area": 8, "type_share": 0.5}


def test_what_is_not_finite_is_no_measurement(tmp_path):
    (feature,) = written(tmp_path / "a.geojson", SQUARE, probability=np.array([np.nan]), margin=np.array([np.inf]))
    assert feature["properties"]["measurements"] == {"id": 5, "area": 8}


def test_ids_are_the_same_every_time_and_differ_between_nuclei_and_images(tmp_path):
    instances = SQUARE.copy()
    instances[5, 0] = 9
    first = [feature["id"] for feature in written(tmp_path / "a.geojson", instances)]
    again = [feature["id"] for feature in written(tmp_path / "a.geojson", instances)]
    other = [feature["id"] for feature in written(tmp_path / "b.geojson", instances)]
    assert first == again
    assert len({*first, *other}) == 4


def test_a_hole_is_a_ring_of_its_own(tmp_path):
    instances = np.ones((5, 6), np.int32)
    instances[2, 2:4] = 0
    (feature,) = written(tmp_path / "a.geojson", instances)
    (rings,) = rings_of(feature)
    assert [area(ring) for ring in rings] == [30, -2]
    assert {tuple(point) for point in rings[1]} == {(2, 2), (4, 2), (4, 3), (2, 3)}


def test_a_nucleus_in_pieces_is_one_feature(tmp_path):
    instances = np.zeros((4, 9), np.int32)
    instances[1:3, 1:3] = instances[0:2, 5:9] = 3
    (feature,) = written(tmp_path / "a.geojson", instances)
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert sorted(area(rings[0]) for rings in rings_of(feature)) == [4, 8]


def blobs(height: int, width: int, seed: int) -> np.ndarray:
    """Ragged nuclei that touch, lie in each other's holes and at the border; ids with gaps."""
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.normal(size=(height, width)), 1.5)
    instances = ndimage.label(smooth > 0.02)[0]
    cut = ndimage.gaussian_filter(random.normal(size=(height, width)), 4) > 0
    instances = np.where(instances > 0, 3 * instances + cut, 0)
    noise = random.random((height, width)) < 0.05
    return np.where(noise & (smooth > 0), 2, instances).astype(np.int32)


@pytest.mark.parametrize(("height", "width", "seed"), [(64, 64, 0), (40, 97, 1), (97, 40, 2), (5, 3, 3)])
def test_reading_back_gives_the_same_instances(tmp_path, height, width, seed):
    instances = blobs(height, width, seed)
    features = written(tmp_path / "a.geojson", instances)
    assert len(features) == len(np.unique(instances[instances > 0]))
    np.testing.assert_array_equal(read_geojson(tmp_path / "a.geojson", instances.shape), instances)


@pytest.mark.skipif(not DATA.is_dir(), reason="no CoNSeP: set MANI_DATA to the folder that holds it")
def test_annotated_nuclei_come_back_to_the_pixel(tmp_path):
    instances = read_instance_map(sorted((DATA / "Test" / "Labels").glob("*.mat"))[0]).values
    features = written(tmp_path / "a.geojson", instances)
    assert len(features) == len(np.unique(instances)) - 1 > 100
    np.testing.assert_array_equal(read_geojson(tmp_path / "a.geojson", instances.shape), instances)


@pytest.mark.parametrize("seed", range(4))
def test_polygons_are_valid(tmp_path, seed):
    """Rings are closed, simple, axis-parallel, of the right direction; areas add up to the nucleus's pixels."""
    instances = blobs(50, 60, seed)
    for feature in written(tmp_path / "a.geojson", instances):
        total = 0
        for rings in rings_of(feature):
            for number, ring in enumerate(rings):
                assert len(ring) >= 5
                assert ring[0] == ring[-1]
                assert len({tuple(point) for point in ring}) == len(ring) - 1, "a ring touches itself"
                assert all((a[0] == b[0]) != (a[1] == b[1]) for a, b in pairwise(ring))
                assert (area(ring) > 0) == (number == 0)
                total += area(ring)
        assert total == feature["properties"]["measurements"]["area"]


def test_no_nucleus(tmp_path):
    assert written(tmp_path / "a.geojson", np.zeros((3, 4), np.int32)) == []
    np.testing.assert_array_equal(read_geojson(tmp_path / "a.geojson", (3, 4)), np.zeros((3, 4)))


def test_a_line_a_nucleus_so_that_the_file_streams(tmp_path):
    features = written(tmp_path / "a.geojson", blobs(40, 40, 5))
    lines = (tmp_path / "a.geojson").read_text().splitlines()
    assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == features


def test_rows_of_nuclei_that_are_gone_are_left_out_and_missing_rows_refused(tmp_path):
    table = table_of(SQUARE)
    write_geojson(tmp_path / "a.geojson", SQUARE, {name: np.append(column, 8) for name, column in table.items()})
    assert len(json.loads((tmp_path / "a.geojson").read_text())["features"]) == 1
    with pytest.raises(ValueError, match="a row for every nucleus, got none for id 5"):
        write_geojson(tmp_path / "b.geojson", SQUARE, {"id": np.array([4]), "area": np.array([8])})
    assert not (tmp_path / "b.geojson").exists()


def test_what_another_program_wrote_is_cut_to_the_image_and_numbered(tmp_path):
    def feature(*ring):
        return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}

    features = [
        feature([-3.0, -3], [2, -3], [2, 1.4], [-3, 1.4], [-3, -3]),
        feature([2.6, 0, 0], [9, 0, 0], [9, 9, 0], [2.6, 9, 0], [2.6, 0, 0]),
        feature([0, 2], [2.1, 2], [0, 4.1], [0, 2]),
        feature([1e9, -1e9], [2e9, -1e9], [2e9, 0], [1e9, 0], [1e9, -1e9]),
    ]
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    expected = [[1, 1, 0, 2], [0, 0, 0, 2], [3, 3, 0, 2], [3, 0, 0, 2]]
    np.testing.assert_array_equal(read_geojson(tmp_path / "a.geojson", (4, 4)), expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        '{"type":"FeatureCollection"}',
        '{"features":[{"geometry":null}]}',
        '{"features":[{"geometry":{"type":"Point","coordinates":[1,2]}}]}',
        '{"features":[{"geometry":{"type":"Polygon","coordinates":[[1,2]]}}]}',
        '{"features":[{"geometry":{"type":"Polygon","coordinates":[[["a","b"]]]}}]}',
        '{"features":[{"geometry":{"type":"Polygon","coordinates":[[]]}}]}',
    ],
)
def test_what_is_no_collection_of_polygons_is_one_line(tmp_path, text):
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(InputError, match=r"a\.geojson: is no GeoJSON FeatureCollection of polygons") as refusal:
        read_geojson(tmp_path / "a.geojson", (3, 4))
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"none\.geojson: is not there; name a file that is"):
        read_geojson(tmp_path / "none.geojson", (3, 4))
