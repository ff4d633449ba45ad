"""Each change of colour by hand and against colorsys; order, range and randomness of them together."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from mani_monai.transforms import RandColourJitterd
from mani_monai.transforms.colour_jitter import scale_contrast, scale_saturation, shift_hue

NONE = {"hue": 0, "saturation": 0, "brightness": 0, "contrast": (1, 1)}


def picture(height: int = 6, width: int = 5) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(40, 215, (3, height, width)).astype(np.float32))


def hue(colour: np.ndarray) -> float:
    return 360 * colorsys.rgb_to_hsv(*colour)[0]


def test_hue_by_hand():
    image = picture()
    torch.testing.assert_close(shift_hue(image, 0), image)
    torch.testing.assert_close(shift_hue(image, 120), image[[2, 0, 1]], atol=1e-3, rtol=0)  # red to green to blue
    torch.testing.assert_close(shift_hue(shift_hue(image, 16), -16), image, atol=1e-3, rtol=0)
    grey = torch.full((3, 2, 2), 77.0)
    torch.testing.assert_close(shift_hue(grey, 50), grey)
    torch.testing.assert_close(shift_hue(image, 33).mean(dim=0), image.mean(dim=0))


@pytest.mark.parametrize("degrees", [-16, -5, 9, 16])
def test_hue_turns_by_as_much_as_in_hsv(degrees):
    image = picture()
    for before, after in zip(image.flatten(1).T.numpy(), shift_hue(image, degrees).flatten(1).T.numpy(), strict=True):
        turned = (hue(after) - hue(before) + 180) % 360 - 180
        assert turned == pytest.approx(degrees, abs=2.5)


def test_saturation_by_hand():
    image = torch.tensor([200.0, 100.0, 50.0]).view(3, 1, 1)
    grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    assert scale_saturation(image, 0).flatten().tolist() == pytest.approx([grey] * 3, abs=1e-4)
    torch.testing.assert_close(scale_saturation(image, 1), image)
    expected = [1.2 * value - 0.2 * grey for value in (200, 100, 50)]
    assert scale_saturation(image, 1.2).flatten().tolist() == pytest.approx(expected, abs=1e-4)


def test_contrast_by_hand():
    image = torch.tensor([[[0.0, 100.0]], [[10.0, 10.0]], [[50.0, 70.0]]])
    expected = torch.tensor([[[25.0, 75.0]], [[10.0, 10.0]], [[55.0, 65.0]]])
    torch.testing.assert_close(scale_contrast(image, 0.5), expected)


@pytest.mark.parametrize("changed", ["hue", "saturation", "brightness", "contrast"])
def test_each_change_reaches_the_image(changed):
    """In HoVer-Net's code contrast does not."""
    some = {"hue": 16, "saturation": 0.2, "brightness": 26, "contrast": (0.75, 0.8)}
    transform = RandColourJitterd("image", **{**NONE, changed: some[changed]}).set_random_state(1)
    image = picture()
    result = transform({"image": image})["image"]
    assert (result - image).abs().max() > 1
    value = transform.changes[changed]
    expected = {
        "hue": lambda: shift_hue(image, value),
        "saturation": lambda: scale_saturation(image, value),
        "brightness": lambda: image + value,
        "contrast": lambda: scale_contrast(image, value),
    }[changed]()
    torch.testing.assert_close(result, expected.clamp(0, 255), atol=1e-3, rtol=0)


def test_nothing_changes_at_zero_strength():
    torch.testing.assert_close(RandColourJitterd("image", **NONE)({"image": picture()})["image"], picture())


def test_order_is_random_and_followed():
    """Colours at the ends of the range: clipping after each makes the order visible."""
    image = torch.tensor([[[250.0, 5.0, 255.0]], [[120.0, 0.0, 250.0]], [[3.0, 90.0, 240.0]]])
    transform = RandColourJitterd("image").set_random_state(3)
    orders = set()
    for _ in range(60):
        result = transform({"image": image})["image"]
        expected = image
        for name, value in transform.changes.items():
            change = {"hue": shift_hue, "saturation": scale_saturation, "contrast": scale_contrast}.get(name, torch.add)
            expected = change(expected, value).clamp(0, 255)
        torch.testing.assert_close(result, expected)
        orders.add(tuple(transform.changes))
    assert len(orders) > 15


def test_draws_fill_their_ranges():
    transform = RandColourJitterd("image").set_random_state(0)
    drawn = {name: [] for name in NONE}
    for _ in range(400):
        transform.randomize()
        for name, value in transform.changes.items():
            drawn[name].append(value)
    for name, (low, high) in {
        "hue": (-16, 16),
        "saturation": (0.8, 1.2),
        "brightness": (-26, 26),
        "contrast": (0.75, 1.25),
    }.items():
        assert low <= min(drawn[name]) < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < max(drawn[name]) <= high


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, lambda values: MetaTensor(torch.from_numpy(values))])
def test_type_and_range_stay(kind, dtype):
    image = kind(np.random.default_rng(0).uniform(0, 256, (3, 9, 7)).astype(dtype))
    transform = RandColourJitterd("image").set_random_state(5)
    result = transform({"image": image})["image"]
    assert type(result) is type(image)
    assert result.dtype == image.dtype
    assert 0 <= result.min() < result.max() <= 255
    if dtype == np.uint8:
        whole = RandColourJitterd("image").set_random_state(5)({"image": np.asarray(image, np.float32)})["image"]
        np.testing.assert_array_equal(np.asarray(result), np.round(whole))


def test_the_same_state_gives_the_same_image():
    transform = RandColourJitterd("image")
    first = transform.set_random_state(7)({"image": picture()})["image"]
    second = transform({"image": picture()})["image"]
    torch.testing.assert_close(transform.set_random_state(7)({"image": picture()})["image"], first, atol=0, rtol=0)
    assert not torch.equal(first, second)


def test_probability_keys_and_the_item_that_came_in():
    image = picture()
    never = RandColourJitterd("image", prob=0)({"image": image})
    assert never["image"] is image
    both = RandColourJitterd(["image", "other"])({"image": image, "other": image.clone(), "label": 3})
    torch.testing.assert_close(both["image"], both["other"])
    assert both["label"] == 3
    torch.testing.assert_close(image, picture())
    assert RandColourJitterd("image", allow_missing_keys=True)({"label": 3}) == {"label": 3}
    with pytest.raises(KeyError):
        RandColourJitterd("image")({"label": 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [("hue", -1), ("saturation", -0.1), ("brightness", -2), ("contrast", (1.2, 0.8)), ("contrast", (-0.1, 1))],
)
def test_options_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*got "):
        RandColourJitterd("image", **{name: value})
