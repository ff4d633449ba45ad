"""CellSegUDA's reconstruction: the value by hand, who learns by it, and that it is learnt."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from toy_adaptation import ToySegmenter

from mani_monai.losses import DomainBatch, ReconstructionLoss


def target_batch() -> DomainBatch:
    torch.manual_seed(0)
    image = torch.rand(2, 3, 6, 8) * torch.tensor([10.0, 2.0, 50.0]).view(3, 1, 1) + 2
    logits = torch.randn(2, 2, 6, 8, requires_grad=True)
    return DomainBatch(image, logits, image, logits)


def test_value_by_hand():
    target, loss = target_batch(), ReconstructionLoss(nn.Conv2d(1, 3, 1))
    image, reconstruction = target.image.numpy(), loss.reconstructor(target.probability).detach().numpy()
    mean, std = (getattr(image, name)(axis=(2, 3), keepdims=True) for name in ("mean", "std"))
    expected = np.square(reconstruction - (image - mean) / std).mean()
    assert loss(None, target).item() == pytest.approx(expected, rel=1e-3)


def test_one_where_nothing_is_drawn():
    loss = ReconstructionLoss(nn.Conv2d(1, 3, 1))
    for parameter in loss.parameters():
        nn.init.zeros_(parameter)
    assert loss(None, target_batch()).item() == pytest.approx(1, abs=1e-3)


def test_published_weight():
    assert ReconstructionLoss(nn.Identity()).weight == 0.01


def test_both_networks_learn_from_the_target_alone():
    target, loss = target_batch(), ReconstructionLoss(nn.Conv2d(1, 3, 1))
    source = DomainBatch(*(torch.rand(2, 2, 6, 8, requires_grad=True) for _ in range(4)))
    loss(source, target).backward()
    assert target.logits.grad.any()
    assert all(parameter.grad.any() for parameter in loss.parameters())
    assert source.logits.grad is None
    assert source.image.grad is None


def test_weight_is_checked():
    with pytest.raises(ValueError, match="weight must be >= 0, got -1"):
        ReconstructionLoss(nn.Identity(), weight=-1)


def test_a_blurred_prediction_is_taught_what_the_image_shows():
    """From a faint prediction, the two networks agree on one that separates nuclei from background."""
    torch.manual_seed(0)
    batch = ToySegmenter().batch(target=True)
    loss, scale = ReconstructionLoss(nn.Conv2d(1, 1, 1)), nn.Parameter(torch.tensor(0.05))
    optimizer = torch.optim.Adam([scale, *loss.parameters()], lr=0.05)
    errors, contrasts = [], []
    for _ in range(80):
        logits = torch.cat([-scale * batch.image, scale * batch.image], dim=1)
        target = DomainBatch(batch.image, logits, logits, logits)
        error = loss(None, target)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
        contrasts.append(float(target.probability.detach().std()))
    assert errors[0] > 0.8
    assert errors[-1] < 0.2
    assert contrasts[-1] > 2 * contrasts[0]
