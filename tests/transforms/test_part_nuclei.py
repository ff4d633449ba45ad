"""Nuclei parted from their probability, by hand-made shapes."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage

from mani_monai.transforms import part_nuclei
from mani_monai.transforms.nucleus import least_area

SHAPE = (80, 120)


def disk(row: float, column: float, radius: float, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    rows, columns = np.indices(shape)
    return np.hypot(rows - row, columns - column) <= radius


def probability(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 0.9, 0.1).astype(np.float32)


def test_two_touching_disks_are_two_nuclei_parted_midway():
    mask = disk(40, 40, 12) | disk(40, 60, 12)
    instances = part_nuclei(probability(mask))
    assert instances.dtype == np.int32
    np.testing.assert_array_equal(instances > 0, mask)
    columns = np.indices(SHAPE)[1]
    np.testing.assert_array_equal(instances[columns < 50], mask[columns < 50])
    np.testing.assert_array_equal(instances[columns > 50], 2 * mask[columns > 50])


@pytest.mark.parametrize(
    "mask",
    [
        disk(40, 40, 12),
        disk(40, 40, 12) | disk(40, 45, 12),  # an oblong without a neck
        (np.indices(SHAPE)[0] - 40) ** 2 / 36 + (np.indices(SHAPE)[1] - 60) ** 2 / 1600 <= 1,
        disk(40, 40, 20) & ~disk(22, 40, 8),  # a kidney
        disk(40, 60, 39),  # deeper than the cap
    ],
    ids=["disk", "oblong", "spindle", "kidney", "giant"],
)
def test_one_nucleus_stays_one(mask):
    np.testing.assert_array_equal(part_nuclei(probability(mask)), mask)


def test_a_neck_parts_from_three_quarters_of_a_pixel_on():
    """Two disks whose neck is as deep as a rectangle between them."""
    for half, count in ((10, 1), (5, 2)):
        mask = disk(40, 40, 10) | disk(40, 70, 10)
        mask[40 - half : 41 + half, 40:71] = True
        assert part_nuclei(probability(mask)).max() == count


def test_a_contour_parts_what_has_no_neck():
    mask = np.zeros(SHAPE, bool)
    mask[30:50, 20:100] = True
    assert part_nuclei(probability(mask)).max() == 1
    contour = np.zeros(SHAPE, bool)
    contour[:, 58:62] = True
    instances = part_nuclei(probability(mask), contour=contour)
    np.testing.assert_array_equal(instances > 0, mask)
    assert instances.max() == 2
    np.testing.assert_array_equal(instances[mask] == 2, np.indices(SHAPE)[1][mask] >= 60)
    assert part_nuclei(probability(mask), contour=np.ones(SHAPE, bool)).max() == 1
    with pytest.raises(ValueError, match="contour must have the shape"):
        part_nuclei(probability(mask), contour=contour[1:])


def test_a_distance_parts_what_has_no_neck():
    mask = np.zeros(SHAPE, bool)
    mask[30:50, 20:100] = True
    columns = np.indices(SHAPE)[1]
    for neck, count in ((0.84, 2), (0.86, 1)):  # of two peaks of .9, less deep by .05
        distance = np.where(np.abs(columns - 59.5) < 2, neck, 0.9).astype(np.float32)
        instances = part_nuclei(probability(mask), distance=distance)
        np.testing.assert_array_equal(instances > 0, mask)
        assert instances.max() == count
    two_disks = disk(30, 20, 10) | disk(30, 38, 10)
    assert part_nuclei(probability(two_disks)).max() == 2
    assert part_nuclei(probability(two_disks), distance=np.ones(SHAPE, np.float32)).max() == 1, "its own depth is none"
    with pytest.raises(ValueError, match="distance must have the shape"):
        part_nuclei(probability(mask), distance=np.ones((3, 4), np.float32))


def test_small_holes_are_filled_and_large_ones_stay():
    whole = disk(40, 60, 25)
    assert (part_nuclei(probability(whole & ~disk(40, 60, 3.5))) == whole).all()
    ring = whole & ~disk(40, 60, 9)
    np.testing.assert_array_equal(part_nuclei(probability(ring)) > 0, ring)


def test_a_hole_at_the_edge_of_the_map_is_none():
    mask = np.ones(SHAPE, bool)
    mask[:3, 50:53] = False
    np.testing.assert_array_equal(part_nuclei(probability(mask)), mask)


def test_pieces_smaller_than_a_nucleus_go():
    mask = disk(20, 20, 3) | disk(20, 60, 5)
    assert disk(20, 20, 3).sum() == 29 < least_area() < disk(20, 60, 5).sum()
    np.testing.assert_array_equal(part_nuclei(probability(mask)), disk(20, 60, 5))
    assert part_nuclei(probability(mask), min_size=29).max() == 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (7, 7), (300, 400), (0, 5)])
def test_all_nucleus_is_one_and_no_nucleus_none(shape):
    np.testing.assert_array_equal(part_nuclei(np.ones(shape), min_size=1), np.ones(shape))
    np.testing.assert_array_equal(part_nuclei(np.zeros(shape), min_size=1), np.zeros(shape))


def test_a_pixel_at_the_threshold_is_background():
    assert part_nuclei(np.full((20, 20), 0.5)).max() == 0


def test_every_nucleus_is_connected_by_edges():
    noise = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal((300, 300)), 3)
    instances = part_nuclei(0.5 + noise, min_size=1)
    assert instances.max() > 100
    for number, box in enumerate(ndimage.find_objects(instances), start=1):
        assert ndimage.label(instances[box] == number)[1] == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(value):
    maps = np.zeros((9, 9), np.float32)
    maps[4, 4] = value
    with pytest.raises(ValueError, match="finite"):
        part_nuclei(maps)


def test_a_map_with_channels_is_refused():
    with pytest.raises(ValueError, match=r"HW, got shape \(1, 9, 9\)"):
        part_nuclei(np.zeros((1, 9, 9)))


@pytest.mark.slow
def test_nine_times_the_area_takes_at_most_eleven_times_the_time():
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((1000, 1000)), 5, mode="wrap")
    small = (1 / (1 + np.exp(-4 * (noise / noise.std() - 0.5)))).astype(np.float32)
    maps = {"small": small, "large": np.tile(small, (3, 3))}
    least = dict.fromkeys(maps, np.inf)
    for _ in range(15):  # others use the machine
        for name, probability in maps.items():
            start = time.process_time()
            part_nuclei(probability)
            least[name] = min(least[name], time.process_time() - start)
        if least["large"] <= 11 * least["small"]:
            return
    pytest.fail(f"least seconds of fifteen tries: {least}")
