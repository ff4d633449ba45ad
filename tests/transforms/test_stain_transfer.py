"""Stain transfer: statistics by hand, ways between two tissues, images that have no tissue."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab

from mani_monai.transforms import RandStainTransferd, transfer_stains


def two_colours(nuclei: tuple, stroma: tuple, size: int = 16) -> np.ndarray:
    """3HW RGB in 0..1: the upper half of one colour, the lower of another."""
    image = np.empty((3, size, size), np.float32)
    image[:, : size // 2] = np.reshape(nuclei, (3, 1, 1))
    image[:, size // 2 :] = np.reshape(stroma, (3, 1, 1))
    return image


def source() -> np.ndarray:
    return two_colours((0.35, 0.30, 0.60), (0.80, 0.45, 0.65))


def target() -> np.ndarray:
    return two_colours((0.45, 0.25, 0.45), (0.75, 0.55, 0.70), size=24)


def colours(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CIELAB of the nuclei's and the stroma's pixels."""
    lab = rgb2lab(image, channel_axis=0)
    return lab[:, 0, 0], lab[:, -1, -1]


@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_value_by_hand(share):
    """Two colours an image: mean and half the difference are its statistics."""
    nuclei, stroma = colours(source())
    other_nuclei, other_stroma = colours(target())
    mean = (1 - share) * (nuclei + stroma) / 2 + share * (other_nuclei + other_stroma) / 2
    spread = (1 - share) * abs(nuclei - stroma) / 2 + share * abs(other_nuclei - other_stroma) / 2
    assert (spread < 1.5 * abs(nuclei - stroma)).all()  # no gain is at its limit
    expected = lab2rgb(np.stack([mean + np.sign(nuclei - stroma) * spread, mean - np.sign(nuclei - stroma) * spread]))
    result = transfer_stains(source(), target(), share)
    np.testing.assert_allclose(np.stack([result[:, 0, 0], result[:, -1, -1]]), expected, atol=1e-4)
    assert result.shape == source().shape


def test_the_whole_way_gives_the_targets_colours_and_none_the_sources():
    np.testing.assert_allclose(transfer_stains(source(), source(), 1), source(), atol=1e-4)
    np.testing.assert_allclose(transfer_stains(source(), target(), 0), source(), atol=1e-4)
    assert np.abs(transfer_stains(source(), target(), 1) - source()).max() > 0.05


@pytest.mark.parametrize("blank", [np.ones((3, 8, 8), np.float32), np.full((3, 8, 8), 0.4, np.float32)])
def test_without_tissue_nothing_is_moved(blank):
    np.testing.assert_array_equal(transfer_stains(source(), blank, 1), source())
    np.testing.assert_array_equal(transfer_stains(blank, target(), 1), blank)


def item() -> dict[str, torch.Tensor]:
    images = {"image": source(), "target_image": target(), "label": np.zeros((1, 16, 16), np.float32)}
    return {key: torch.from_numpy(image) for key, image in images.items()}


def test_transform_changes_the_source_image_alone():
    given = item()
    transform = RandStainTransferd("image").set_random_state(1)
    result = transform(given)
    expected = transfer_stains(source(), target(), transform.share)
    np.testing.assert_array_equal(result["image"].numpy(), expected)
    assert 0.1 < transform.share < 1
    assert result["image"].dtype == torch.float32
    assert result["image"].is_contiguous()
    assert all(result[key] is given[key] for key in ("target_image", "label"))
    np.testing.assert_array_equal(given["image"], source())


def test_draws_fill_the_range_and_follow_the_state():
    transform = RandStainTransferd("image", share=(0.5, 0.9)).set_random_state(0)
    drawn = []
    for _ in range(200):
        transform(item())
        drawn.append(transform.share)
    assert 0.5 <= min(drawn) < 0.52 < 0.88 < max(drawn) <= 0.9
    transform.set_random_state(0)(item())
    assert transform.share == drawn[0]


def test_probability_and_missing_keys():
    given = item()
    transform = RandStainTransferd("image", prob=0.5).set_random_state(0)
    changed = sum(transform(given)["image"] is not given["image"] for _ in range(200))
    assert 75 < changed < 125
    assert RandStainTransferd("image", allow_missing_keys=True)({"label": 3}) == {"label": 3}
    with pytest.raises(KeyError):
        RandStainTransferd("image")({"target_image": 3})


@pytest.mark.parametrize("share", [(-0.1, 1), (0, 1.1), (0.6, 0.5)])
def test_share_is_checked(share):
    with pytest.raises(ValueError, match=r"share must be a range in 0\.\.1, got "):
        RandStainTransferd("image", share=share)
