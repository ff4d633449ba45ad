"""Stain transfer: statistics by hand, ways between two tissues, images that have no tissue."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from skimage.color import lab2rgb, rgb2lab

from mani_monai.transforms import RandStainTransferd, TissueColoursd


def two_colours(nuclei: tuple, stroma: tuple, size: int = 16) -> torch.Tensor:
    """3HW RGB in 0..1: the upper half of one colour, the lower of another."""
    image = torch.empty(3, size, size)
    image[:, : size // 2] = torch.tensor(nuclei).reshape(3, 1, 1)
    image[:, size // 2 :] = torch.tensor(stroma).reshape(3, 1, 1)
    return image


SOURCE = two_colours((0.35, 0.30, 0.60), (0.80, 0.45, 0.65))
TARGET = two_colours((0.45, 0.25, 0.45), (0.75, 0.55, 0.70), size=24)
BLANKS = [torch.ones(3, 8, 8), torch.full((3, 8, 8), 0.4)]


def measured(image: torch.Tensor, style: torch.Tensor = TARGET) -> dict[str, torch.Tensor]:
    item = {"image": image, "target_image": style, "label": torch.zeros(1, *image.shape[1:])}
    return TissueColoursd(["image", "target_image"], white=1)(item)


def transfer(image: torch.Tensor, style: torch.Tensor, share: float) -> torch.Tensor:
    return RandStainTransferd("image", share=(share, share))(measured(image, style))["image"]


def colours(image: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """CIELAB of the nuclei's and the stroma's pixels."""
    lab = rgb2lab(image.numpy(), channel_axis=0)
    return lab[:, 0, 0], lab[:, -1, -1]


# what is measured


def test_colours_are_those_of_the_tissue_alone():
    nuclei, stroma = colours(SOURCE)
    expected = np.stack([(nuclei + stroma) / 2, abs(nuclei - stroma) / 2])
    found = measured(SOURCE)["image_colours"]
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected, atol=1e-3)
    with_glass = torch.cat([SOURCE, torch.full((3, 10, 16), 0.95)], dim=1)
    torch.testing.assert_close(measured(with_glass)["image_colours"], found)


@pytest.mark.parametrize("kind", [lambda image: image, MetaTensor, lambda image: image.numpy()])
def test_bytes_and_metadata_make_no_difference(kind):
    image = (SOURCE * 255).round().to(torch.uint8)
    expected = measured(image / 255)["image_colours"]
    item = TissueColoursd("image")({"image": kind(image), "label": 3})
    assert type(item["image_colours"]) is torch.Tensor
    torch.testing.assert_close(item["image_colours"], expected, atol=1e-3, rtol=0)
    assert torch.equal(torch.as_tensor(item["image"]), image)
    assert item["label"] == 3


@pytest.mark.parametrize("blank", BLANKS)
def test_a_blank_tile_has_no_colours(blank):
    assert measured(blank)["image_colours"].isnan().all()


# what is shown


@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_value_by_hand(share):
    """Two colours an image: mean and half the difference are its statistics."""
    nuclei, stroma = colours(SOURCE)
    other_nuclei, other_stroma = colours(TARGET)
    mean = (1 - share) * (nuclei + stroma) / 2 + share * (other_nuclei + other_stroma) / 2
    spread = (1 - share) * abs(nuclei - stroma) / 2 + share * abs(other_nuclei - other_stroma) / 2
    assert (spread < 1.5 * abs(nuclei - stroma)).all()  # no gain is at its limit
    sides = np.sign(nuclei - stroma) * spread
    result = transfer(SOURCE, TARGET, share)
    expected = lab2rgb(np.stack([mean + sides, mean - sides]))
    np.testing.assert_allclose(np.stack([result[:, 0, 0], result[:, -1, -1]]), expected, atol=1e-3)
    assert result.shape == SOURCE.shape


def test_the_way_to_itself_and_no_way_leave_an_image():
    torch.testing.assert_close(transfer(SOURCE, SOURCE, 1), SOURCE, atol=1e-4, rtol=0)
    torch.testing.assert_close(transfer(SOURCE, TARGET, 0), SOURCE, atol=1e-4, rtol=0)
    assert (transfer(SOURCE, TARGET, 1) - SOURCE).abs().max() > 0.05


def test_a_crop_is_moved_as_its_whole_image():
    whole = transfer(SOURCE, TARGET, 0.7)
    item = measured(SOURCE)
    item["image"], item["target_image"] = SOURCE[:, :3], TARGET[:, 20:]
    result = RandStainTransferd("image", share=(0.7, 0.7))(item)["image"]
    torch.testing.assert_close(result, whole[:, :3])


@pytest.mark.parametrize("blank", BLANKS)
def test_without_tissue_nothing_is_moved(blank):
    assert transfer(SOURCE, blank, 1) is SOURCE
    assert transfer(blank, TARGET, 1) is blank


def test_transform_changes_the_source_image_alone_and_drops_what_was_measured():
    given = measured(SOURCE)
    transform = RandStainTransferd("image").set_random_state(1)
    result = transform(given)
    torch.testing.assert_close(result["image"], transfer(SOURCE, TARGET, transform.share))
    assert 0.1 < transform.share < 1
    assert result["image"].dtype == torch.float32
    assert result["image"].is_contiguous()
    assert set(result) == {"image", "target_image", "label"}
    assert all(result[key] is given[key] for key in ("target_image", "label"))
    assert torch.equal(given["image"], two_colours((0.35, 0.30, 0.60), (0.80, 0.45, 0.65)))


def test_draws_fill_the_range_and_follow_the_state():
    transform = RandStainTransferd("image", share=(0.5, 0.9)).set_random_state(0)
    drawn = []
    for _ in range(200):
        transform(measured(SOURCE))
        drawn.append(transform.share)
    assert 0.5 <= min(drawn) < 0.52 < 0.88 < max(drawn) <= 0.9
    transform.set_random_state(0)(measured(SOURCE))
    assert transform.share == drawn[0]


def test_probability_and_missing_keys():
    transform = RandStainTransferd("image", prob=0.5).set_random_state(0)
    results = [transform(measured(SOURCE)) for _ in range(200)]
    assert 75 < sum(result["image"] is not SOURCE for result in results) < 125
    assert all("image_colours" not in result for result in results)
    for transform in (RandStainTransferd, TissueColoursd):
        assert transform("image", allow_missing_keys=True)({"label": 3}) == {"label": 3}
        with pytest.raises(KeyError):
            transform("image")({"target_image": 3})


@pytest.mark.parametrize("share", [(-0.1, 1), (0, 1.1), (0.6, 0.5)])
def test_share_is_checked(share):
    with pytest.raises(ValueError, match=r"share must be a range in 0\.\.1, got "):
        RandStainTransferd("image", share=share)


def test_white_is_checked():
    with pytest.raises(ValueError, match="white must be > 0, got 0"):
        TissueColoursd("image", white=0)
