"""Outlines: by hand, valid, and the very pixels again when they are filled."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mani_monai.transforms import instance_polygons


def drawn(*rows: str) -> np.ndarray:
    """HW ids from rows of digits; a blank or a dot is background."""
    return np.array([[int(sign) if sign.isdigit() else 0 for sign in row] for row in rows])


def filled(polygon: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels with an odd number of the rings' vertical edges to their left."""
    inside = np.zeros(shape, bool)
    for ring in polygon:
        for (x, y), (next_x, next_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if x == next_x:
                inside[min(y, next_y) : max(y, next_y), x:] ^= True
    return inside


def area(ring: np.ndarray) -> float:
    x, y = ring.astype(float).T
    return (x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def check(instances: np.ndarray) -> None:
    """That the polygons are valid, one for every 4-connected part, and fill to the map."""
    polygons = instance_polygons(instances)
    assert list(polygons) == np.unique(instances[instances != 0]).tolist()
    for number, parts in polygons.items():
        mask = instances == number
        labels, count = ndimage.label(mask)
        masks = [filled(part, mask.shape) for part in parts]
        assert len(parts) == count
        np.testing.assert_array_equal(np.sum(masks, axis=0), mask)  # they do not overlap
        for part, part_mask in zip(parts, masks, strict=True):
            assert len(np.unique(labels[part_mask])) == 1
            exterior, *holes = part
            assert area(exterior) > 0
            assert all(area(hole) < 0 for hole in holes)
            assert sum(map(area, part)) == part_mask.sum()
            for ring in part:
                check_ring(ring)
            for hole in holes:
                assert filled([exterior], mask.shape)[filled([hole], mask.shape)].all()


def check_ring(ring: np.ndarray) -> None:
    """Not closed, at right angles in every point, through no point twice, and crossing nowhere."""
    assert ring.dtype.kind == "i"
    step = np.roll(ring, -1, axis=0) - ring
    assert ((step == 0).sum(axis=1) == 1).all()
    assert ((step[:, 0] == 0) != (np.roll(step, -1, axis=0)[:, 0] == 0)).all()
    passed = [
        tuple(start + k * np.sign(move)) for start, move in zip(ring, step, strict=True) for k in range(abs(move).max())
    ]
    assert len(set(passed)) == len(passed)


def rotated(ring: np.ndarray) -> list[list[int]]:
    """The ring from its smallest point on."""
    points = ring.tolist()
    first = points.index(min(points))
    return points[first:] + points[:first]


def test_a_single_pixel_has_four_corners():
    instances = np.zeros((4, 5), int)
    instances[2, 3] = 7
    assert {
        number: [[rotated(r) for r in part] for part in parts] for number, parts in instance_polygons(instances).items()
    } == {7: [[[[3, 2], [4, 2], [4, 3], [3, 3]]]]}


def test_points_on_a_straight_line_are_left_out():
    ((exterior,),) = instance_polygons(drawn("....", ".11.", ".1..", ".1.."))[1]
    assert rotated(exterior) == [[1, 1], [3, 1], [3, 2], [2, 2], [2, 4], [1, 4]]


def test_a_hole_turns_the_other_way():
    ((exterior, hole),) = instance_polygons(drawn("111", "1.1", "111"))[1]
    assert rotated(exterior) == [[0, 0], [3, 0], [3, 3], [0, 3]]
    assert rotated(hole) == [[1, 1], [1, 2], [2, 2], [2, 1]]


CASES = {
    "a corner apart": (drawn("1..", ".1.", "..1"), {1: [1, 1, 1]}),
    "a hole that touches the outside": (drawn(".11", "1.1", "111"), {1: [2]}),
    "two holes that touch": (drawn("1111", "1.11", "11.1", "1111"), {1: [3]}),
    "itself in its hole, corner to corner": (drawn("11111", "11.11", "1.1.1", "11.11", "11111"), {1: [1, 2]}),
    "another nucleus in the hole": (drawn("11111", "12221", "12.21", "12221", "11111"), {1: [2], 2: [2]}),
    "itself in its hole": (drawn("11111", "1...1", "1.1.1", "1...1", "11111"), {1: [1, 2]}),
    "itself with a hole in its hole": (
        drawn("1111111", "1.....1", "1.111.1", "1.1.1.1", "1.111.1", "1.....1", "1111111"),
        {1: [2, 2]},
    ),
    "neighbours": (drawn("1122", "1122", "3344"), {1: [1], 2: [1], 3: [1], 4: [1]}),
    "two nuclei crosswise": (drawn("12", "21"), {1: [1, 1], 2: [1, 1]}),
    "crosswise and joined": (drawn("121", "211", "111"), {1: [1, 1], 2: [1, 1]}),
    "a spiral": (drawn("11111", "1...1", "1.1.1", "1.111", "1...."), {1: [1]}),
    "the whole map": (drawn("111", "111"), {1: [1]}),
}


@pytest.mark.parametrize("name", CASES)
def test_rings_of_every_part(name):
    instances, rings = CASES[name]
    check(instances)
    counted = {number: sorted(len(part) for part in parts) for number, parts in instance_polygons(instances).items()}
    assert counted == rings


@pytest.mark.parametrize("seed", range(60))
def test_random_maps_fill_to_themselves(seed):
    rng = np.random.default_rng(seed)
    instances = rng.integers(0, rng.integers(2, 5), rng.integers(1, 20, 2))
    check(np.kron(instances, np.ones((1 + seed % 2, 1 + seed % 3), int)))


@pytest.mark.parametrize("seed", range(10))
def test_nuclei_like_maps_fill_to_themselves(seed):
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal((60, 70)), 2)
    check(ndimage.label(smooth > 0.01)[0] * rng.integers(1, 100))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_ids_may_have_gaps_and_any_integer_type(dtype):
    instances = drawn("200", "020", "003").astype(dtype)
    polygons = instance_polygons(instances)
    assert {number: len(parts) for number, parts in polygons.items()} == {2: 2, 3: 1}
    assert all(type(number) is int for number in polygons)


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (5, 7)])
def test_a_blank_map_has_no_outlines(shape):
    assert instance_polygons(np.zeros(shape, int)) == {}


@pytest.mark.parametrize("instances", [np.zeros((3, 3)), np.zeros((1, 3, 3), int)])
def test_a_map_is_hw_integers(instances):
    with pytest.raises(ValueError, match=r"instances must be HW integers, got (int|float)64 of shape \(.*3, 3\)"):
        instance_polygons(instances)
