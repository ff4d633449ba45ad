"""HoVer-Net's instances, and the steps to them, beside MONAI's and scikit-image's."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hover_outputs import BENCHMARK, OUTPUTS, made, ours, without_gaps
from monai.transforms import FillHoles, SobelGradients
from scipy.ndimage import binary_dilation, gaussian_filter
from skimage.morphology import disk as disk_footprint
from skimage.morphology import opening
from skimage.segmentation import watershed

from mani_monai.data.readers.consep import read_instance_map
from mani_monai.transforms.holes import filled
from mani_monai.transforms.hover_borders import sobel_kernels
from mani_monai.transforms.hover_instances import _flooded, _opened

DATA = Path(os.environ.get("MANI_DATA", Path(__file__).parents[3] / "shared" / "data")) / "CoNSeP"
pytestmark = pytest.mark.usefixtures("no_warning")


def with_types(output: np.ndarray) -> np.ndarray:
    return output if len(output) > 4 else np.concatenate([output, output[:2]])


@pytest.mark.parametrize("size", [3, 5, 7, 21])
def test_the_sobel_kernel_is_monais(size):
    theirs = SobelGradients(size)
    smooth, difference = sobel_kernels(size)
    np.testing.assert_array_equal(smooth, theirs.kernel_smooth.numpy())
    np.testing.assert_array_equal(difference, theirs.kernel_diff.numpy())


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kernel_size", [5, 21])
@pytest.mark.parametrize("name", OUTPUTS)
def test_identical_to_monai(name, kernel_size):
    theirs = without_gaps(BENCHMARK["monai_instances"](with_types(OUTPUTS[name]), kernel_size))
    assert theirs.max() > 10
    np.testing.assert_array_equal(ours(OUTPUTS[name], kernel_size=kernel_size), theirs)


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
    np.testing.assert_array_equal(filled(mask), FillHoles()(mask[None].astype(np.uint8))[0])
    assert filled(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)).sum() == 4
    assert filled(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)).all()
