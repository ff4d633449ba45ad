"""Images of nothing but nuclei, of one nucleus, and of none: exact counts, outlines and files, by both networks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from painted_model import painted, painted_model, red_model, round_nuclei

from mani_monai import Model

RED, BLUE = (220, 130, 190), (90, 60, 140)  # nuclei to the red model, and what is none
SIDES = 120, 90


def unet_picture(instances: np.ndarray) -> np.ndarray:
    return np.where(instances[..., None] > 0, RED, BLUE).astype(np.uint8)


WAYS = [pytest.param(red_model, unet_picture, id="unet"), pytest.param(painted_model, painted, id="hovernet")]


@pytest.mark.parametrize(("make", "paint"), WAYS)
def test_one_nucleus_that_fills_the_image(make, paint, tmp_path):
    """A small one: HoVer-Net's borders are scaled by the image's own, and those of a large flat nucleus are noise."""
    found = make()(paint(np.ones((40, 30), np.int32)))
    assert (found.instances == 1).all()
    assert found.table["area"].tolist() == [1200]
    assert found.table["solidity"].tolist() == [1.0]
    ((ring,),) = found.polygons[1]
    assert {tuple(point) for point in ring.tolist()} == {(0, 0), (30, 0), (30, 40), (0, 40)}
    assert len(saved(found, tmp_path)) == 1


@pytest.mark.parametrize(("make", "paint"), WAYS)
def test_no_nucleus(make, paint, tmp_path):
    found = make()(paint(np.zeros(SIDES, np.int32)))
    assert len(found) == 0
    assert not found.instances.any()
    assert found.polygons == {}
    assert saved(found, tmp_path) == []


@pytest.mark.parametrize(("make", "paint"), WAYS)
def test_nuclei_from_edge_to_edge_that_touch_their_neighbours(make, paint, tmp_path):
    """Nineteen pixels across, and as many from middle to middle: rows of nuclei that share edges."""
    places = [(row, column, 9) for row in range(9, 133, 19) for column in range(9, 95, 19)]
    instances = round_nuclei(133, 95, places)
    found = make()(paint(instances))
    assert len(found) == len(places)
    np.testing.assert_array_equal(found.instances > 0, instances > 0)
    assert len(saved(found, tmp_path)) == len(places)


def saved(found, folder) -> list:
    """Features of the GeoJSON that was written beside every other file."""
    paths = found.save(folder, "image")
    assert all(path.stat().st_size for path in paths)
    return json.loads((folder / "image.geojson").read_text())["features"]


@pytest.mark.parametrize("colour", [RED, BLUE, (255, 255, 255), (0, 0, 0)])
def test_a_single_colour_through_the_weights_that_come_along(colour):
    """A network has never seen such an image: whatever it finds, ids and rows belong together."""
    found = Model.open("pretrained/mani_unet", device="cpu")(np.full((*SIDES, 3), colour, np.uint8))
    assert len(found) == found.instances.max() == len(found.polygons)
    assert np.isfinite(found.table["mean_probability"]).all()
