"""Pooling over cells by hand: which means there are, and how often each is drawn."""

from __future__ import annotations

import pytest
import torch

from mani_monai.networks.layers import CellPooling, masked_mean


@pytest.fixture
def features() -> torch.Tensor:
    """1 x 1 x 4 x 4: 0 to 15."""
    return torch.arange(16.0).view(1, 1, 4, 4)


@pytest.fixture
def mask() -> torch.Tensor:
    """Three pixels in the first cell of 2 x 2 (values 0, 1, 4), one in the last (15)."""
    mask = torch.zeros(1, 4, 4)
    mask[0, 0, :2] = mask[0, 1, 0] = mask[0, 3, 3] = 1
    return mask


def test_vectors_are_means_of_cells_as_often_as_they_have_pixels(features, mask):
    torch.manual_seed(0)
    drawn = CellPooling(cells=2, samples=4000)(features, mask)
    assert drawn.shape == (1, 4000, 1)
    values, counts = drawn.unique(return_counts=True)
    torch.testing.assert_close(values, torch.tensor([5 / 3, 15.0]))
    assert counts[0].item() / 4000 == pytest.approx(0.75, abs=0.03)


def test_one_cell_is_the_mean_and_soft_masks_weigh(features, mask):
    soft = mask * 0.5 + 0.1
    for weights in (mask, soft):
        torch.testing.assert_close(CellPooling(1, 2)(features, weights)[:, 0], masked_mean(features, weights))


def test_empty_mask_gives_zeros_and_finite_gradients(features, mask):
    features = features.repeat(2, 1, 1, 1).requires_grad_()
    mask = torch.cat([torch.zeros_like(mask), mask])
    pooled = CellPooling(2, 3)(features, mask)
    assert not pooled[0].any()
    pooled.sum().backward()
    assert torch.isfinite(features.grad).all()
    assert not features.grad[0].any()
    assert features.grad[1].any()
    assert not (features.grad[:, 0] * (mask == 0)).any()


def test_draws_follow_torchs_generator():
    features, mask = torch.rand(2, 3, 8, 8), torch.ones(2, 8, 8)
    draws = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        draws.append(CellPooling(4, 6)(features, mask))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("name", ["cells", "samples"])
def test_options_are_checked(name):
    with pytest.raises(ValueError, match=rf"{name} must be >= 1, got 0\."):
        CellPooling(**{name: 0})
