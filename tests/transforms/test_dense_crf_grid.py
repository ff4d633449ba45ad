"""The bilateral grid against sums over every pair of pixels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mani_monai.transforms.dense_crf import BilateralGrid


def picture(seed: int, height: int = 20, width: int = 27) -> np.ndarray:
    smooth = gaussian_filter(np.random.default_rng(seed).normal(size=(3, height, width)), (0, 3, 3))
    return (0.5 + smooth).clip(0, 1).astype(np.float32)


def all_pairs(image, values, space_std, colour_std):
    places = np.indices(image.shape[1:]).reshape(2, -1).T / space_std
    points = np.concatenate([places, image.reshape(3, -1).T / colour_std], axis=1)
    kernel = np.exp(-((points[:, None] - points) ** 2).sum(axis=-1) / 2)
    return (kernel @ values.ravel()).reshape(values.shape)


@pytest.mark.parametrize(("space_std", "colour_std"), [(4, 0.05), (4, 0.2), (20, 0.05), (2, 1.0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_means_agree_with_all_pairs(space_std, colour_std, seed):
    """A weighted mean is a ratio of two sums: within 0.02 on average, of values in -1..1."""
    image = picture(seed)
    values = np.sign(np.random.default_rng(seed).normal(size=image.shape[1:])).astype(np.float32)
    grid = BilateralGrid(image, space_std, colour_std)
    ones = np.ones_like(values)
    expected = all_pairs(image, values, space_std, colour_std) / all_pairs(image, ones, space_std, colour_std)
    result = grid(values) / grid(ones)
    assert result.dtype == np.float32
    assert np.abs(expected).mean() > 0.01
    assert np.abs(result - expected).mean() < 0.02
    assert np.corrcoef(result.ravel(), expected.ravel())[0, 1] > 0.98


def test_sums_are_symmetric():
    """What a gives to b is what b gives to a, though their cells differ."""
    image = picture(2)
    grid = BilateralGrid(image, 5, 0.1)
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, *image.shape[1:])).astype(np.float32)
    assert float((one * grid(other)).sum()) == pytest.approx(float((other * grid(one)).sum()), rel=1e-4)


def test_a_pixel_reaches_its_own_colour_alone():
    image = np.zeros((3, 12, 30), np.float32)
    image[:, :, 15:] = 1
    values = np.zeros((12, 30), np.float32)
    values[6, 14] = 1
    result = BilateralGrid(image, 8, 0.1)(values)
    assert result[:, :15].min() > 0.01
    assert result[:, 15:].max() < 1e-6
    assert result[6, 14] == pytest.approx(result.max(), rel=0.1)


def test_few_odd_colours_do_not_blow_up_the_grid():
    image = picture(3, 60, 60)
    sides = np.prod(BilateralGrid(image, 20, 0.05).splats.shape)
    image[:, 5, 5] = [1, 0, 1]
    image[:, 40, 7] = [0, 1, 0]
    assert np.prod(BilateralGrid(image, 20, 0.05).splats.shape) < 2 * sides


def test_colours_on_a_line_need_one_axis():
    line = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    cells = [len(blur) for blur in BilateralGrid(line * np.reshape([0.9, 0.5, 0.7], (3, 1, 1)), 20, 0.05).blurs]
    length = np.sqrt(0.9**2 + 0.5**2 + 0.7**2) / (0.05 * 0.75)
    assert cells[2:4] == [2, 2]
    assert cells[4] == pytest.approx(length, abs=3)


def test_an_image_of_one_colour():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    result = BilateralGrid(np.full((3, 3, 4), 0.3, np.float32), 2, 0.1)
    ratio = result(values) / result(np.ones_like(values))
    assert np.isfinite(ratio).all()
    assert (np.diff(ratio, axis=1) > 0).all()
