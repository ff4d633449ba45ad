"""HoVer-Net's instances at the edges of what they may be made of, and in linear time."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hover_outputs import BENCHMARK, OUTPUTS, made, ours

from mani_monai.transforms import hover_instances
from mani_monai.transforms.hover_borders import border_scale

pytestmark = pytest.mark.usefixtures("no_warning")


def disk(size: int = 40, row: float = 20, column: float = 20, radius: float = 9) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return ((y - row) ** 2 + (x - column) ** 2 <= radius**2).astype(np.float32)


def distances_of(*disks: np.ndarray) -> np.ndarray:
    return BENCHMARK["hover_maps"](sum(number * mask for number, mask in enumerate(disks, 1)).astype(int))


@pytest.mark.parametrize("tile", [None, 16])
def test_a_blank_tile_has_no_nuclei(tile):
    blank = hover_instances(np.zeros((40, 30)), np.zeros((2, 40, 30)), tile=tile)
    assert blank.shape == (40, 30)
    assert blank.dtype == np.int32
    assert not blank.any()
    noise = np.random.default_rng(0).standard_normal((2, 40, 30))
    assert not hover_instances(np.full((40, 30), 0.49), noise, tile=tile).any()


@pytest.mark.parametrize("tile", [None, 16])
@pytest.mark.parametrize("place", [(20, 20), (0, 20), (39, 39), (5, 2)])
def test_one_nucleus_whole_or_cut_by_the_border(place, tile):
    mask = disk(row=place[0], column=place[1])
    np.testing.assert_array_equal(hover_instances(mask, distances_of(mask), tile=tile), mask)


def test_two_nuclei_that_touch():
    first, second = disk(column=12), disk(column=30)
    second *= 1 - first
    instances = hover_instances(first + second, distances_of(first, second), kernel_size=5)
    assert ((instances == 1) == first.astype(bool)).mean() > 0.98
    assert ((instances == 2) == second.astype(bool)).mean() > 0.98


@pytest.mark.parametrize("tile", [None, 16])
@pytest.mark.parametrize("value", [0, -0.3])
def test_without_any_gradient_every_piece_is_an_instance(value, tile):
    mask = np.zeros((40, 40), np.float32)
    mask[2:12, 2:12] = mask[12:14, 6] = mask[14:22, 2:12] = 1  # two squares and a bridge that an opening would cut
    mask[30:34, 20:23] = 1
    mask[38, 30:39] = 1  # nine pixels: too small
    instances = hover_instances(mask, np.full((2, 40, 40), value), tile=tile)
    assert instances.max() == 2
    assert (instances == 1).sum() == 10 * 10 + 2 + 8 * 10
    assert (instances == 2).sum() == 12


@pytest.mark.parametrize("tile", [None, 64])
@pytest.mark.parametrize("rounding", ["spot", "seam", "noise"])
def test_rounding_cuts_no_nucleus_that_fills_the_image(rounding, tile):
    distances = np.zeros((2, 300, 300), np.float32)
    if rounding == "spot":
        distances[:, 150, 100] = 1e-6
    elif rounding == "seam":
        distances[:, :, :150] = 1e-7
    else:
        distances += np.random.default_rng(0).standard_normal(distances.shape).astype(np.float32) * 1e-4
    everywhere = np.ones((300, 300), np.float32)
    scale = border_scale([distances[:, :100, 50:150]], 21)
    for given in (None, scale):
        np.testing.assert_array_equal(hover_instances(everywhere, distances, tile=tile, border_scale=given), 1)


@pytest.mark.parametrize("channel", [0, 1])
def test_one_constant_map_leaves_the_other(channel):
    """Two nuclei side by side and two on top of each other: the map that is left parts its own two."""
    first, second = disk(column=11, radius=8), disk(column=27, radius=8)
    if channel == 0:
        first, second = first.T, second.T
    distances = distances_of(first, second * (1 - first))
    mask = np.maximum(first, second)
    assert hover_instances(mask, distances, kernel_size=5).max() == 2
    distances[channel] = 0.5
    assert hover_instances(mask, distances, kernel_size=5).max() == 2
    distances[1 - channel] = 0.5
    assert hover_instances(mask, distances, kernel_size=5).max() == 1


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (3, 3), (1, 30), (3, 40), (12, 12)])
@pytest.mark.parametrize("tile", [None, 2])
def test_tiny_images(shape, tile):
    rng = np.random.default_rng(0)
    distances = rng.standard_normal((2, *shape)).astype(np.float32)
    for probability in (np.zeros(shape), np.ones(shape), rng.random(shape)):
        instances = hover_instances(probability, distances, tile=tile)
        assert instances.shape == shape
        assert not instances[probability < 0.5].any()
    if np.prod(shape) < 10:
        assert not instances.any()


def test_maps_are_left_as_they_are():
    output = OUTPUTS["ellipses"]
    probability, distances = BENCHMARK["probability_of"](output), output[2:4].copy()
    copies = probability.copy(), distances.copy()
    probability.flags.writeable = distances.flags.writeable = False
    hover_instances(probability, distances)
    hover_instances(probability, distances, tile=100)
    np.testing.assert_array_equal(probability, copies[0])
    np.testing.assert_array_equal(distances, copies[1])


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats(dtype):
    output = OUTPUTS["ellipses"]
    instances = hover_instances(BENCHMARK["probability_of"](output).astype(dtype), output[2:4].astype(dtype))
    assert ((instances > 0) == (ours(output) > 0)).mean() > 0.999


@pytest.mark.parametrize("settings", [{"threshold": 0.7}, {"border_threshold": 0.6}, {"radius": 4}, {"min_size": 60}])
def test_every_setting_counts(settings):
    output = OUTPUTS["crowded"]
    assert (ours(output) != ours(output, **settings)).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel_size": 4}, "kernel_size must be odd and >= 3, got 4"),
        ({"kernel_size": 1}, "kernel_size must be odd and >= 3, got 1"),
        ({"radius": -1}, "radius must be >= 0, got -1"),
        ({"tile": 0}, "tile must be >= 1, got 0"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        hover_instances(np.zeros((9, 9)), np.zeros((2, 9, 9)), **settings)


def test_maps_are_checked():
    with pytest.raises(ValueError, match=r"must be HW and hover_maps 2HW, got \(9, 9\) and \(9, 9\)"):
        hover_instances(np.zeros((9, 9)), np.zeros((9, 9)))
    for value in (np.nan, np.inf, -np.inf):
        for channel in (0, 1):
            distances = np.zeros((2, 9, 9))
            distances[channel, 4, 4] = value
            with pytest.raises(ValueError, match="hover_maps must be finite"):
                hover_instances(np.ones((9, 9)), distances)
            with pytest.raises(ValueError, match="probability must be finite"):
                hover_instances(distances[channel], np.zeros((2, 9, 9)))


def test_four_times_the_area_does_not_take_sixteen_times_the_time():
    """Time of the processor, the least of eight tries; what compares nuclei with the whole map takes sixteen times."""
    outputs = [made(size, pitch=40) for size in (400, 800)]
    seconds = [[], []]
    for _ in range(8):
        for output, times in zip(outputs, seconds, strict=True):
            start = time.process_time()
            ours(output)
            times.append(time.process_time() - start)
    small, large = map(min, seconds)
    assert large < 9 * small
