"""The change of stains by hand and against scikit-image; the random change's range, type and repeatability."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from skimage.color import hed2rgb, rgb2hed, rgb_from_hed
from stains import combine_stains, separate_stains

from mani_monai.transforms import RandStainJitterd
from mani_monai.transforms.colour_jitter import jitter_stains

NO_SHIFT = torch.zeros(3)


def picture(*shape: int) -> torch.Tensor:
    """Mixtures of the three stains, ...3HW in 0..1."""
    density = np.random.default_rng(0).uniform(0, 0.9, (*shape[:-3], *shape[-2:], 3)) @ rgb_from_hed
    return torch.from_numpy(np.moveaxis(np.exp(-density), -1, -3).astype(np.float32))


def mixture(haematoxylin: float, eosin: float) -> torch.Tensor:
    """A pixel of two stains, mixed on paper; 311."""
    density = [
        haematoxylin * 0.65 + eosin * 0.07,
        haematoxylin * 0.70 + eosin * 0.99,
        haematoxylin * 0.29 + eosin * 0.11,
    ]
    return torch.tensor([math.exp(-value) for value in density]).view(3, 1, 1)


def test_a_pixel_by_hand():
    changed = jitter_stains(mixture(0.8, 0.3), torch.tensor([0.5, 2.0, 1.0]), torch.tensor([0.3, -0.2, 0.0]))
    torch.testing.assert_close(changed, mixture(0.8 * 0.5 + 0.3, 0.3 * 2 - 0.2))


def test_equals_scikit_image_where_no_stain_is_negative():
    image, scale = picture(3, 7, 5), torch.tensor([0.7, 1.3, 0.9])
    stains = rgb2hed(image.numpy(), channel_axis=0)
    assert (stains > 0).all()
    expected = hed2rgb(stains * scale.numpy()[:, None, None], channel_axis=0)
    np.testing.assert_allclose(jitter_stains(image, scale, NO_SHIFT).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 3, 4, 6), (2, 1, 3, 4, 6)])
def test_unchanged_stains_give_the_image_again(shape):
    """Any colour, also those that the three stains cannot make: scikit-image cuts those off."""
    image = torch.from_numpy(np.random.default_rng(1).uniform(1 / 255, 1, shape).astype(np.float32))
    assert (separate_stains(image) < 0).any()
    same = jitter_stains(image, torch.ones(*shape[:-3], 3), torch.zeros(*shape[:-3], 3))
    assert same.shape == image.shape
    torch.testing.assert_close(same, image, atol=1e-5, rtol=0)


def test_white_has_no_stain_and_black_is_finite():
    white, black = torch.ones(3, 2, 2), torch.zeros(3, 2, 2)
    torch.testing.assert_close(jitter_stains(white, torch.full((3,), 1.4), NO_SHIFT), white)
    assert torch.equal(jitter_stains(white, torch.ones(3), torch.full((3,), -0.1)), white), "brighter than white"
    torch.testing.assert_close(jitter_stains(black, torch.ones(3), NO_SHIFT), torch.full((3, 2, 2), 1 / 255))


def test_jitter_is_separate_change_combine():
    images = picture(2, 3, 5, 4)
    scale = torch.tensor([[0.6, 1.2, 1.0], [1.3, 0.8, 1.4]])
    shift = torch.tensor([[0.1, -0.05, 0.0], [0.0, 0.2, -0.1]])
    stains = separate_stains(images) * scale[:, :, None, None] + shift[:, :, None, None]
    expected = combine_stains(stains)
    torch.testing.assert_close(jitter_stains(images, scale, shift), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(jitter_stains(images[1], scale[1], shift[1]), expected[1], atol=1e-5, rtol=0)
    assert (expected - images).abs().max() > 0.1


def test_jitter_reaches_one_stain_alone():
    before = separate_stains(picture(3, 5, 4))
    after = separate_stains(jitter_stains(picture(3, 5, 4), torch.tensor([1, 1.5, 1]), torch.tensor([0, 0, 0.05])))
    expected = before * torch.tensor([1, 1.5, 1]).view(3, 1, 1) + torch.tensor([0, 0, 0.05]).view(3, 1, 1)
    torch.testing.assert_close(after, expected, atol=1e-4, rtol=0)


def test_jitter_stays_in_the_range_and_leaves_its_input():
    images = picture(3, 5, 4)
    result = jitter_stains(images, torch.ones(3), torch.full((3,), -0.8))
    assert result.max() == 1
    assert result.min() > 0
    assert torch.equal(images, picture(3, 5, 4))


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, lambda values: MetaTensor(torch.from_numpy(values))])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_type_stays_and_values_are_those_of_the_draw(kind, dtype):
    values = (picture(3, 6, 5).numpy() * 255).astype(dtype)
    image = kind(values)
    transform = RandStainJitterd("image").set_random_state(3)
    result = transform({"image": image})["image"]
    assert type(result) is type(image)
    assert result.dtype == image.dtype
    expected = jitter_stains(torch.from_numpy(values.astype(np.float32)) / 255, *torch.from_numpy(transform.change))
    expected = (expected * 255).round() if dtype == np.uint8 else expected * 255
    np.testing.assert_allclose(np.asarray(result), expected.numpy(), atol=1e-3)
    assert np.abs(np.asarray(result, np.float32) - values).max() > 3


def test_draws_fill_their_ranges_stain_by_stain():
    transform = RandStainJitterd("image", scale=0.3, shift=0.05).set_random_state(0)
    drawn = []
    for _ in range(400):
        transform.randomize()
        drawn.append(transform.change)
    lowest, highest = np.min(drawn, axis=0), np.max(drawn, axis=0)
    np.testing.assert_allclose(lowest, [[0.7] * 3, [-0.05] * 3], rtol=0.05)
    np.testing.assert_allclose(highest, [[1.3] * 3, [0.05] * 3], rtol=0.05)
    assert np.abs(np.corrcoef(np.reshape(drawn, (400, 6)).T) - np.eye(6)).max() < 0.2


def test_nothing_changes_at_zero_strength():
    image = picture(3, 6, 5) * 255
    result = RandStainJitterd("image", scale=0, shift=0)({"image": image})["image"]
    torch.testing.assert_close(result, image, atol=1e-2, rtol=0)


def test_the_same_state_gives_the_same_image():
    image = picture(3, 6, 5) * 255
    transform = RandStainJitterd("image")
    first = transform.set_random_state(7)({"image": image})["image"]
    second = transform({"image": image})["image"]
    assert torch.equal(transform.set_random_state(7)({"image": image})["image"], first)
    assert not torch.equal(first, second)


def test_probability_keys_and_the_item_that_came_in():
    image = picture(3, 6, 5) * 255
    item = {"image": image}
    assert RandStainJitterd("image", prob=0)(item)["image"] is image
    both = RandStainJitterd(["image", "other"])({"image": image, "other": image.clone(), "label": 3})
    assert torch.equal(both["image"], both["other"])
    assert both["label"] == 3
    assert torch.equal(image, picture(3, 6, 5) * 255)
    assert RandStainJitterd("image", allow_missing_keys=True)({"label": 3}) == {"label": 3}
    with pytest.raises(KeyError):
        RandStainJitterd("image")({"label": 3})


@pytest.mark.parametrize(("name", "value"), [("scale", -0.1), ("scale", 1.2), ("shift", -0.01)])
def test_options_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*got {value}"):
        RandStainJitterd("image", **{name: value})
