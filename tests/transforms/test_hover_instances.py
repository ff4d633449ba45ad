"""HoVer-Net's instances beside MONAI's, tile by tile, at the edges of what it may meet, and in linear time."""

from __future__ import annotations

import os
import runpy
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from monai.transforms import FillHoles, SobelGradients
from scipy.ndimage import binary_dilation, gaussian_filter
from skimage.morphology import disk as disk_footprint
from skimage.morphology import opening
from skimage.segmentation import watershed

from mani_monai.data.readers.consep import read_instance_map
from mani_monai.transforms import hover_instances
from mani_monai.transforms.hover_borders import sobel_kernels
from mani_monai.transforms.hover_instances import _filled, _flooded, _opened

DATA = Path(os.environ.get("MANI_DATA", Path(__file__).parents[3] / "shared" / "data")) / "CoNSeP"
BENCHMARK = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "post_processing.py"))


def made(size: int, pitch: float = 30, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    """A network's output for ellipses that touch: 9HW."""
    return BENCHMARK["made_output"](BENCHMARK["made_nuclei"](size, pitch, seed), noise, seed=seed)


def irregular(shape: tuple[int, int], coarse: float, seed: int = 0) -> np.ndarray:
    """Smooth noise that no nucleus made: blobs, rings and bridges with distances that fit nothing; 4HW."""
    rng = np.random.default_rng(seed)
    maps = [gaussian_filter(rng.standard_normal(shape), coarse) for _ in range(3)]
    logit, *distances = [(values / values.std()).astype(np.float32) for values in maps]
    return np.stack([np.zeros_like(logit), 3 * logit - 1, *distances])


def ours(output: np.ndarray, **settings) -> np.ndarray:
    return hover_instances(BENCHMARK["probability_of"](output), output[2:4], **settings)


def without_gaps(instances: np.ndarray) -> np.ndarray:
    ids = np.unique(instances[instances > 0])
    return np.where(instances > 0, np.searchsorted(ids, instances) + 1, 0)


def same_instances(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two maps differ in their numbers only."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    return all(len(np.unique(side)) == pairs.shape[1] for side in pairs) and ((first > 0) == (second > 0)).all()


@pytest.mark.parametrize("size", [3, 5, 7, 21])
def test_the_sobel_kernel_is_monais(size):
    theirs = SobelGradients(size)
    smooth, difference = sobel_kernels(size)
    np.testing.assert_array_equal(smooth, theirs.kernel_smooth.numpy())
    np.testing.assert_array_equal(difference, theirs.kernel_diff.numpy())


OUTPUTS = {
    "ellipses": made(300),
    "crowded": made(200, pitch=16),
    "without noise": made(200, noise=0),
    "noisy": made(200, noise=0.5),
    "fine": irregular((300, 231), 4, seed=2),
    "coarse": irregular((331, 350), 6),
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kernel_size", [5, 21])
@pytest.mark.parametrize("name", OUTPUTS)
def test_identical_to_monai(name, kernel_size):
    theirs = without_gaps(BENCHMARK["monai_instances"](with_types(OUTPUTS[name]), kernel_size))
    assert theirs.max() > 10
    np.testing.assert_array_equal(ours(OUTPUTS[name], kernel_size=kernel_size), theirs)


def with_types(output: np.ndarray) -> np.ndarray:
    return output if len(output) > 4 else np.concatenate([output, output[:2]])


@pytest.mark.skipif(not DATA.is_dir(), reason="no CoNSeP: set MANI_DATA to the folder that holds it")
@pytest.mark.parametrize("kernel_size", [5, 21])
def test_identical_to_monai_on_the_nuclei_of_a_real_tile(kernel_size):
    label = read_instance_map(sorted(DATA.glob("*/Labels/*.mat"))[0])
    output = BENCHMARK["made_output"](without_gaps(label.values), noise=0.2)
    theirs = without_gaps(BENCHMARK["Floor"].of(output, kernel_size).flood())
    assert theirs.max() > 100
    np.testing.assert_array_equal(ours(output, kernel_size=kernel_size), theirs)


@pytest.mark.slow
@pytest.mark.parametrize("kernel_size", [5, 21])
@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_identical_to_monai_on_ten_thousand_nuclei(kernel_size, noise):
    output = made(4050, pitch=40.5, noise=noise)
    theirs = without_gaps(BENCHMARK["Floor"].of(output, kernel_size).flood())
    assert theirs.max() > 9500
    np.testing.assert_array_equal(ours(output, kernel_size=kernel_size), theirs)


@pytest.mark.parametrize("settings", [{"threshold": 0.7}, {"border_threshold": 0.6}, {"radius": 4}, {"min_size": 60}])
def test_every_setting_counts(settings):
    output = OUTPUTS["crowded"]
    assert (ours(output) != ours(output, **settings)).any()


@pytest.mark.parametrize("tile", [5, 64, 1000])
@pytest.mark.parametrize("name", ["crowded", "fine", "coarse"])
def test_the_same_tile_by_tile(name, tile):
    tiled = ours(OUTPUTS[name], tile=tile)
    assert same_instances(tiled, ours(OUTPUTS[name]))
    assert set(np.unique(tiled)) == set(range(tiled.max() + 1))


def test_the_same_tile_by_tile_where_a_nucleus_encloses_another():
    """The filled marker of the ring takes in what lies within it, as far as that may be from where the ring starts."""
    y, x = np.mgrid[:120, :120] - 60
    radius = np.hypot(y, x)
    mask = ((radius > 35) & (radius < 55)) | (radius < 6)
    distances = np.random.default_rng(0).standard_normal((2, *mask.shape)) * (radius > 58)
    settings = {"kernel_size": 5, "border_threshold": 0.8}  # so that the ring, which has no gradient, is all marker
    whole = hover_instances(mask.astype(float), distances, **settings)
    np.testing.assert_array_equal(whole, mask)
    for tile in (20, 50):
        np.testing.assert_array_equal(hover_instances(mask.astype(float), distances, tile=tile, **settings), mask)


@pytest.mark.parametrize("seed", range(4))
def test_ties_do_not_depend_on_the_tiles(seed):
    """Distances of three values make plateaus; wherever the tiles lie, the same nucleus gets them."""
    output = irregular((150, 140), 5, seed)
    output[2:4] = np.round(output[2:4])
    whole = ours(output, kernel_size=5, border_threshold=0.6)
    assert whole.max() > 10
    for tile in (11, 60):
        assert same_instances(ours(output, kernel_size=5, border_threshold=0.6, tile=tile), whole)


def test_seeds_of_equal_height_flood_in_raster_order():
    """Where the two fronts meet on a plateau the first seed wins, with whatever else is in the map."""
    height, seeds = np.full((1, 7), -1, np.float32), np.zeros((1, 7), np.int32)
    seeds[0, [1, 5]] = 9, 2
    mask = np.ones((1, 7), bool)
    assert _flooded(height, seeds, mask).tolist() == [[9, 9, 9, 9, 2, 2, 2]]
    for rows in (5, 40):
        around = [np.concatenate([np.repeat(values, rows, axis=0), values * 0, values]) for values in (height, seeds)]
        mask = np.ones((rows + 2, 7), bool)
        mask[rows] = False
        assert _flooded(*around, mask)[-1].tolist() == [9, 9, 9, 9, 2, 2, 2]


@pytest.mark.parametrize("seed", range(3))
def test_the_flood_is_scikit_images_where_heights_differ(seed):
    rng = np.random.default_rng(seed)
    height = -gaussian_filter(rng.random((80, 90)), 1).astype(np.float32)
    mask = binary_dilation(rng.random(height.shape) > 0.9, iterations=2)
    seeds = np.where(rng.random(height.shape) > 0.95, rng.integers(1, 9, height.shape), 0).astype(np.int32)
    np.testing.assert_array_equal(_flooded(height, seeds, mask), watershed(height, seeds, mask=mask))


@pytest.mark.parametrize("shape", [(40, 50), (3, 4), (1, 30)])
@pytest.mark.parametrize("radius", [0, 1, 2, 3, 5])
def test_masks_open_as_in_scikit_image(radius, shape):
    mask = gaussian_filter(np.random.default_rng(0).standard_normal(shape), 1.5) > -0.05
    np.testing.assert_array_equal(_opened(mask, radius), opening(mask, disk_footprint(radius)))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_masks_fill_as_in_monai(share):
    """Background that leaks out between two pixels that meet at a corner is no hole."""
    mask = np.random.default_rng(0).random((40, 50)) < share
    np.testing.assert_array_equal(_filled(mask), FillHoles()(mask[None].astype(np.uint8))[0])
    assert _filled(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)).sum() == 4
    assert _filled(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)).all()


# what may come


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=FutureWarning)  # of MONAI's own calls
        warnings.filterwarnings("ignore", message="Only one label was provided")
        yield


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


def test_four_times_the_area_takes_about_four_times_the_time():
    outputs = [made(size, pitch=40) for size in (400, 800)]
    seconds = [[], []]
    for _ in range(8):
        for output, times in zip(outputs, seconds, strict=True):
            start = time.process_time()
            ours(output)
            times.append(time.process_time() - start)
    small, large = map(min, seconds)
    assert large < 6 * small
