"""Stain normalisation: statistics after it, one tissue under two stains, tiles with nothing to normalise."""

from __future__ import annotations

import pickle
import warnings
from copy import deepcopy

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy.ndimage import gaussian_filter
from skimage.color import lab2rgb, rgb2lab

from mani_monai.transforms import NormaliseStainsd, normalise_stains, tissue_mask
from mani_monai.transforms.cielab import MANY
from mani_monai.transforms.stain_normalisation import REFERENCE_MEAN, REFERENCE_STD, TissueColours

HAEMATOXYLIN, EOSIN = np.array([[0.56, 0.72, 0.41], [0.22, 0.80, 0.56]])
GLASS = np.array([0.95, 0.95, 0.96])


def amounts(seed: int = 0, size: int = 64) -> np.ndarray:
    """2HW amounts of haematoxylin and eosin: nuclei in stroma, a fifth of the tile empty."""
    random = np.random.default_rng(seed)
    nuclei = gaussian_filter(random.normal(size=(size, size)), 3) > 0.06
    values = np.where(nuclei, np.reshape([1.0, 0.2], (2, 1, 1)), np.reshape([0.1, 0.5], (2, 1, 1)))
    values = values * random.uniform(0.8, 1.2, values.shape)
    values[:, : size // 5] = 0
    return values


def stained(values: np.ndarray, haematoxylin=HAEMATOXYLIN, eosin=EOSIN) -> np.ndarray:
    """3HW RGB in 0..1 by the law of Beer and Lambert."""
    density = np.tensordot(np.stack([haematoxylin, eosin], axis=1), values, axes=1)
    return (GLASS[:, None, None] * np.exp(-density)).astype(np.float32)


def lab_of(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    return rgb2lab(image.astype(np.float64), channel_axis=0)[:, where]


def test_tissue_gets_the_references_statistics():
    image = stained(amounts())
    tissue = rgb2lab(image, channel_axis=0)[0] < 85
    assert 0.5 < tissue.mean() < 0.9
    before, after = lab_of(image, tissue), lab_of(normalise_stains(image), tissue)
    assert np.abs(before.mean(axis=1) - REFERENCE_MEAN).max() > 3
    np.testing.assert_allclose(after.mean(axis=1), REFERENCE_MEAN, atol=1)
    np.testing.assert_allclose(after.std(axis=1), REFERENCE_STD, rtol=0.1)


def test_value_by_hand():
    """Two colours, so two values an axis: each lands one reference deviation from the reference's mean."""
    image = np.empty((3, 4, 4), np.float32)
    image[:, :2] = np.reshape([0.35, 0.30, 0.60], (3, 1, 1))
    image[:, 2:] = np.reshape([0.80, 0.45, 0.65], (3, 1, 1))
    nuclei, stroma = rgb2lab(image, channel_axis=0)[:, [0, 3], 0].T
    spread = np.abs(nuclei - stroma) / 2
    assert (REFERENCE_STD / spread < 3).all()
    sides = np.sign(nuclei - stroma) * REFERENCE_STD
    expected = lab2rgb(np.stack([REFERENCE_MEAN + sides, REFERENCE_MEAN - sides]))
    np.testing.assert_allclose(normalise_stains(image)[:, [0, 3], 0].T, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("haematoxylin", "eosin"),
    [
        (0.5 * HAEMATOXYLIN, 0.5 * EOSIN),  # pale
        (1.6 * HAEMATOXYLIN, 1.6 * EOSIN),  # overstained
        ([0.75, 0.55, 0.3], [0.05, 0.75, 0.25]),  # another laboratory's dyes
    ],
)
def test_one_tissue_under_two_stains_comes_together(haematoxylin, eosin):
    values = amounts()
    one, other = stained(values), stained(values, np.asarray(haematoxylin), np.asarray(eosin))
    tissue = values.sum(axis=0) > 0
    before = np.abs(one - other)[:, tissue].mean()
    after = np.abs(normalise_stains(one) - normalise_stains(other))[:, tissue].mean()
    assert before > 0.05
    assert after < before / 2


def test_nuclei_stay_darker_and_bluer_than_stroma():
    values = amounts()
    result = normalise_stains(stained(values))
    nuclei, stroma = (result[:, where].mean(axis=1) for where in (values[0] > 0.5, values[1] > 0.3))
    assert nuclei.sum() < stroma.sum() - 0.3
    assert nuclei[2] - nuclei[0] > stroma[2] - stroma[0] + 0.1


@pytest.mark.parametrize(
    "image",
    [
        np.ones((3, 32, 32), np.float32),
        np.zeros((3, 32, 32), np.float32),
        np.full((3, 32, 32), 0.5, np.float32),
        np.random.default_rng(0).uniform(0.92, 0.97, (3, 32, 32)).astype(np.float32),  # glass and its noise
        np.float32(0.5) + np.random.default_rng(0).normal(0, 0.004, (3, 32, 32)).astype(np.float32),
    ],
    ids=["white", "black", "grey", "glass", "grey and noise"],
)
def test_blank_tiles_stay(image):
    np.testing.assert_array_equal(normalise_stains(image), image)


@pytest.mark.parametrize(("pixels", "changes"), [(10, False), (11, True)])
def test_a_hundredth_of_tissue_is_enough(pixels, changes):
    """Of 1024 pixels: a hundredth lies between."""
    image = np.full((3, 32, 32), 0.95, np.float32)
    image.reshape(3, -1)[:, :pixels] = np.linspace(0.3, 0.6, pixels)
    assert (normalise_stains(image) != image).any() == changes


def test_noise_is_not_blown_up():
    pink = np.array([0.75, 0.55, 0.65], np.float32)[:, None, None]
    image = pink + np.random.default_rng(0).normal(0, 0.02, (3, 64, 64)).astype(np.float32)
    before, after = (rgb2lab(values, channel_axis=0).std(axis=(1, 2)) for values in (image, normalise_stains(image)))
    assert (after > 1.5 * before).any()
    assert (after < 3.2 * before).all()


def test_any_colours_give_colours_without_a_warning():
    """Far from a tissue of little contrast, every corner of the cube of colours is pushed out of it."""
    image = np.reshape([0.6, 0.4, 0.55], (3, 1, 1)) + np.random.default_rng(0).normal(0, 0.03, (3, 40, 40))
    corners = np.indices((2, 2, 2)).reshape(3, 8)
    image[:, 0, :8], image[:, 1, :8] = corners, corners * 0.3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = normalise_stains(image.clip(0, 1).astype(np.float32))
    assert result.dtype == np.float32
    assert 0 == result.min() < result.max() == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, lambda values: MetaTensor(torch.from_numpy(values))])
def test_type_and_range_stay(kind, dtype):
    values = (stained(amounts()) * 255).round().astype(dtype)
    expected = normalise_stains(values.astype(np.float32) / 255) * 255
    expected = expected.round() if dtype == np.uint8 else expected
    image = kind(values.copy())
    item = {"image": image, "label": 3}
    result = NormaliseStainsd("image")(item)
    assert item["image"] is image
    assert type(result["image"]) is type(image)
    assert result["image"].dtype == image.dtype
    assert result["label"] == 3
    np.testing.assert_allclose(np.asarray(result["image"]), expected, atol=1e-3)
    np.testing.assert_array_equal(np.asarray(image), values)


def test_white_is_the_largest_value():
    image = stained(amounts())
    result = NormaliseStainsd("image", white=1)({"image": image})["image"]
    np.testing.assert_allclose(result, normalise_stains(image), atol=1e-6)
    with pytest.raises(ValueError, match="white must be > 0, got 0"):
        NormaliseStainsd("image", white=0)


def test_keys_that_are_missing():
    assert NormaliseStainsd("image", allow_missing_keys=True)({"label": 3}) == {"label": 3}
    with pytest.raises(KeyError):
        NormaliseStainsd("image")({"label": 3})


def test_a_part_is_normalised_as_in_its_whole():
    whole = stained(amounts(1))
    part = whole[:, 10:40, 20:60]
    np.testing.assert_array_equal(normalise_stains(part, whole), normalise_stains(whole)[:, 10:40, 20:60])
    assert not np.allclose(normalise_stains(part, whole), normalise_stains(part), atol=0.01)


@pytest.fixture
def large() -> np.ndarray:
    """3HW uint8, so many pixels that each colour is reckoned once."""
    tile = (stained(amounts(2, 256)) * 255).round().astype(np.uint8)
    image = np.tile(tile, (1, 5, 4))
    assert len(np.unique(image.reshape(3, -1), axis=1).T) < MANY <= image[0].size
    return image


def test_a_large_image_is_normalised_as_each_of_its_pixels_is(large):
    image = large.astype(np.float32) / np.float32(255)
    assert TissueColours.of_image(large) == TissueColours.of_image(image)
    assert TissueColours.of([large, large[:, :50]]) == TissueColours.of([image, image[:, :50]])
    result = normalise_stains(large)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, (normalise_stains(image) * np.float32(255)).round())
    assert (result != large).any()


def test_statistics_are_those_of_numpy_bit_for_bit(large):
    """Sums in float32 depend on their order: that of numpy's along the pixels, which all figures were measured with."""
    pixels = rgb2lab(np.moveaxis(large, 0, -1).astype(np.float32) / np.float32(255))
    tissue = pixels[tissue_mask(np.moveaxis(large, 0, -1)) & (pixels[..., 0] < 85)]
    found = TissueColours.of_image(large)
    assert (found.mean, found.std) == (tuple(tissue.mean(axis=0).tolist()), tuple(tissue.std(axis=0).tolist()))


def test_a_mask_that_is_known_takes_the_place_of_its_own():
    image = (stained(amounts()) * 255).round().astype(np.uint8)
    mask = tissue_mask(np.moveaxis(image, 0, -1))
    np.testing.assert_array_equal(normalise_stains(image, mask=mask), normalise_stains(image))
    mask[:, 32:] = False
    found = NormaliseStainsd("image")({"image": image, "mask_of_image": mask})["image"]
    np.testing.assert_array_equal(found, normalise_stains(image, TissueColours.of_image(image, mask)))
    assert (found != normalise_stains(image)).any()


def test_a_small_part_is_normalised_as_in_its_large_whole(large):
    part = large[:, 100:300, 50:400]
    result = normalise_stains(part, TissueColours.of_image(large))
    np.testing.assert_array_equal(result, normalise_stains(large)[:, 100:300, 50:400])
    np.testing.assert_array_equal(normalise_stains(part, large), result)


def test_a_colour_is_normalised_alike_whenever_it_comes_first(large):
    """By statistics that are given, a colour is reckoned once: among many, or when it is the only new one."""
    colours = TissueColours.of_image(large)
    expected = normalise_stains(large)
    np.testing.assert_array_equal(normalise_stains(large, colours), expected)
    np.testing.assert_array_equal(normalise_stains(large[:, ::-1], colours), expected[:, ::-1])
    one_more = large.copy()
    one_more[:, 700, 300] = 1, 2, 3
    found = normalise_stains(one_more, colours)
    alone = normalise_stains(one_more[:, 690:710, 290:310], colours)
    np.testing.assert_array_equal(found[:, 690:710, 290:310], alone)
    assert (found != expected).any(axis=0).sum() == 1


def test_a_large_tensor_by_given_statistics_keeps_its_type(large):
    colours = TissueColours.of_image(large)
    item = NormaliseStainsd("image")({"image": torch.from_numpy(large), "whole": colours})
    assert type(item["image"]) is torch.Tensor
    np.testing.assert_array_equal(item["image"].numpy(), normalise_stains(large))


def test_a_large_blank_image_by_given_statistics_stays():
    image = np.full((3, 1024, 1024), 240, np.uint8)
    for colours in (TissueColours((60, 20, -10), (9, 5, 5), 0.001), TissueColours((60, 20, -10), (0.5, 5, 5), 0.5)):
        np.testing.assert_array_equal(normalise_stains(image, colours), image)


def test_a_large_blank_image_stays():
    image = np.full((3, 1024, 1024), 240, np.uint8)
    np.testing.assert_array_equal(normalise_stains(image), image)
    assert TissueColours.of_image(image).share == 0


@pytest.mark.parametrize("shape", [(1100, 1000), (4, 8, 8), (4, 1100, 1000), (1, 3, 8, 8)])
def test_what_is_no_picture_of_three_channels_is_refused(shape):
    with pytest.raises(ValueError, match=r"image must be 3HW, got \("):
        normalise_stains(np.zeros(shape, np.uint8))


def test_copies_of_tissue_colours_leave_the_table_behind():
    """It has 67 MB; another process fills its own."""
    colours = TissueColours((60.0, 20.0, -10.0), (9.0, 5.0, 5.0), 0.5)
    image = np.random.default_rng(0).integers(0, 255, (3, 64, 64)).astype(np.uint8)
    result = colours.looked_up(image)
    assert "table" in vars(colours)
    packed = pickle.dumps(colours)
    assert len(packed) < 1000
    for copy in (pickle.loads(packed), deepcopy(colours)):
        assert copy == colours
        assert "table" not in vars(copy)
        np.testing.assert_array_equal(copy.looked_up(image), result)
