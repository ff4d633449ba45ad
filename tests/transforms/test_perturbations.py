"""What each perturbation changes, by how much, and that it follows torch's global generator."""

from __future__ import annotations

import pytest
import torch
from stains import separate_stains

from mani_monai.transforms import BlockMask, NoisePerturbation, StainPerturbation

ALL = [StainPerturbation(0.4, 0.1), NoisePerturbation(), BlockMask(0.5, 4)]


def pictures(batch: int = 2, height: int = 16, width: int = 16) -> torch.Tensor:
    return 0.3 + 0.5 * torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("perturbation", ALL, ids=lambda one: type(one).__name__)
def test_it_follows_the_global_generator_and_leaves_its_input(perturbation):
    images = pictures()
    torch.manual_seed(5)
    first, second = perturbation(images), perturbation(images)
    assert first.shape == images.shape
    assert first.dtype == images.dtype
    assert not torch.equal(first, second)
    assert torch.equal(images, pictures())
    torch.manual_seed(5)
    assert torch.equal(perturbation(images), first)


@pytest.mark.parametrize("perturbation", ALL, ids=lambda one: type(one).__name__)
def test_every_image_has_its_own_draw(perturbation):
    torch.manual_seed(0)
    first, second = perturbation(pictures(1).expand(2, -1, -1, -1))
    assert not torch.equal(first, second)


def test_stains_move_within_their_bounds():
    """All pixels of an image by the same line, whose slope and offset fill the ranges over many images."""
    torch.manual_seed(0)
    images = 0.8 * pictures(1, 4, 4).expand(300, -1, -1, -1)  # dark enough never to be clipped
    before = separate_stains(images).flatten(2)
    after = separate_stains(StainPerturbation(0.2, 0.05)(images)).flatten(2)
    slope = (after[..., 1] - after[..., 0]) / (before[..., 1] - before[..., 0])
    offset = after[..., 0] - slope * before[..., 0]
    torch.testing.assert_close(after, slope[..., None] * before + offset[..., None], atol=1e-3, rtol=0)
    for values, low, high in ((slope, 0.8, 1.2), (offset, -0.05, 0.05)):
        span = high - low
        assert (values.amin(dim=0) > low - 0.01).all()
        assert (values.amin(dim=0) < low + 0.05 * span).all()
        assert (values.amax(dim=0) < high + 0.01).all()
        assert (values.amax(dim=0) > high - 0.05 * span).all()
        assert (torch.corrcoef(values.T) - torch.eye(3)).abs().max() < 0.2, "the stains move together"


def test_noise_has_its_deviation_and_its_limit():
    torch.manual_seed(0)
    images = torch.full((1, 3, 200, 200), 0.5)
    noise = NoisePerturbation(std=0.1, limit=10)(images) - images
    assert noise.std().item() == pytest.approx(0.1, rel=0.02)
    assert noise.mean().abs() < 1e-3
    limited = NoisePerturbation(std=0.1, limit=0.2)(images) - images
    assert limited.abs().max().item() == pytest.approx(0.2, abs=1e-6)
    assert (limited.abs() > 0.19999).float().mean().item() == pytest.approx(0.0455, abs=0.005)  # beyond two deviations


def test_blocks_are_black_or_untouched_in_all_channels():
    torch.manual_seed(0)
    images = pictures(2, 16, 24)
    result = BlockMask(0.5, 8)(images)
    for row in range(0, 16, 8):
        for column in range(0, 24, 8):
            for image in range(2):
                block = (image, slice(None), slice(row, row + 8), slice(column, column + 8))
                mean = images[image].mean(dim=(1, 2)).view(3, 1, 1).expand(3, 8, 8)
                assert torch.equal(result[block], images[block]) or torch.allclose(result[block], mean)
    assert 0 < (result == images).float().mean() < 1


@pytest.mark.parametrize(("ratio", "masked"), [(0.0, 0.0), (0.7, 0.7), (1.0, 1.0)])
def test_blocks_are_masked_with_the_ratio(ratio, masked):
    torch.manual_seed(0)
    images = pictures(4, 100, 100)
    result = BlockMask(ratio, 2)(images)
    assert (result != images).float().mean().item() == pytest.approx(masked, abs=0.01)


def test_blocks_at_the_edge_are_cut_off():
    """Blocks of 4 begin at the upper left corner: the last row and column hold a part of one."""
    torch.manual_seed(0)
    images = pictures(50, 9, 6)
    result = (BlockMask(0.5, 4)(images) == images).float()
    assert result.shape == (50, 3, 9, 6)
    assert torch.equal(result[..., 4:], result[..., 4:5].expand(-1, -1, -1, 2))
    assert not torch.equal(result[..., 3], result[..., 4])
    assert not torch.equal(result[..., 7, :], result[..., 8, :])


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (StainPerturbation, "scale", 1.5),
        (StainPerturbation, "shift", -0.1),
        (NoisePerturbation, "std", -0.1),
        (NoisePerturbation, "limit", 0),
        (BlockMask, "ratio", 1.1),
        (BlockMask, "ratio", -0.1),
        (BlockMask, "size", 0),
    ],
)
def test_options_are_checked(kind, name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*got {value}"):
        kind(**{name: value})
