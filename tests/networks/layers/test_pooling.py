"""Masked pooling against numpy over the masked pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mani_monai.networks.layers import masked_max, masked_mean, masked_random


@pytest.fixture
def features() -> torch.Tensor:
    """2KHW features, negative ones too, of non-square maps."""
    return torch.randn(2, 5, 6, 9, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask() -> torch.Tensor:
    mask = torch.zeros(2, 6, 9)
    mask[0, 1:3, 2:7] = 1
    mask[1, 5, 8] = 1
    return mask


def inside(features: torch.Tensor, mask: torch.Tensor, image: int) -> np.ndarray:
    """The masked pixels of an image, as pixels x channels."""
    return features[image].numpy()[:, mask[image].numpy() == 1].T


def test_mean_and_max_are_those_of_the_masked_pixels(features, mask):
    for image in range(2):
        pixels = inside(features, mask, image)
        np.testing.assert_allclose(masked_mean(features, mask)[image], pixels.mean(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(masked_max(features, mask)[image], pixels.max(axis=0))


def test_max_of_negative_features_is_negative():
    features, mask = torch.full((1, 2, 3, 3), -4.0), torch.zeros(1, 3, 3)
    mask[0, 1, 1] = 1
    assert masked_max(features, mask).tolist() == [[-4.0, -4.0]]


def test_random_draws_masked_pixels_only_and_all_of_them(features, mask):
    torch.manual_seed(0)
    drawn = masked_random(features, mask, samples=400).numpy()
    assert drawn.shape == (2, 400, 5)
    for image, pixels in ((0, 10), (1, 1)):
        assert len(np.unique(drawn[image], axis=0)) == pixels
        np.testing.assert_array_equal(np.unique(drawn[image], axis=0), np.unique(inside(features, mask, image), axis=0))


def test_random_follows_torchs_generator(features, mask):
    draws = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        draws.append(masked_random(features, mask, samples=8))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("pool", [masked_mean, masked_max, lambda features, mask: masked_random(features, mask, 3)])
def test_empty_mask_gives_zeros_and_finite_gradients(features, mask, pool):
    mask[0] = 0
    features.requires_grad_()
    pooled = pool(features, mask)
    assert not pooled[0].any()
    assert pooled[1].any()
    pooled.sum().backward()
    assert torch.isfinite(features.grad).all()
    assert not features.grad[0].any()


@pytest.mark.parametrize("pool", [masked_mean, masked_max, lambda features, mask: masked_random(features, mask, 3)])
def test_gradient_reaches_masked_pixels_only(features, mask, pool):
    features.requires_grad_()
    pool(features, mask).sum().backward()
    touched = features.grad.abs().sum(dim=1) > 0
    assert touched.any()
    assert not (touched & (mask == 0)).any()
