"""Entropy of the target's predictions."""

from __future__ import annotations

import math

import pytest
import torch

from mani_monai.losses import DomainBatch, EntropyMinimisationLoss


def domain(logits: torch.Tensor) -> DomainBatch:
    return DomainBatch(torch.zeros(len(logits), 3, *logits.shape[2:]), logits, logits, logits)


def of(*probabilities: float) -> DomainBatch:
    """One image, one pixel for each probability of nuclei."""
    nuclei = torch.tensor(probabilities, dtype=torch.float64)
    return domain(torch.stack([1 - nuclei, nuclei]).log()[None, :, None])


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([0.5], 1.0),
        ([0.5, 0.5, 0.5], 1.0),
        ([0.9], (-0.9 * math.log2(0.9) - 0.1 * math.log2(0.1))),
        ([0.9, 0.5], (1 - 0.9 * math.log2(0.9) - 0.1 * math.log2(0.1)) / 2),
    ],
)
def test_value_by_hand(probabilities, expected):
    assert EntropyMinimisationLoss()(of(0.3), of(*probabilities)).item() == pytest.approx(expected)


def test_certainty_is_zero_and_finite():
    logits = torch.tensor([[[[200.0]], [[-200.0]]]], requires_grad=True)
    term = EntropyMinimisationLoss()(of(0.5), domain(logits))
    term.backward()
    assert term.item() == 0
    assert torch.isfinite(logits.grad).all()


def test_gradient_reaches_the_target_alone_and_makes_it_surer():
    source, target = (torch.tensor([[[[0.0]], [[0.4]]]], requires_grad=True) for _ in range(2))
    loss = EntropyMinimisationLoss(weight=0.001)
    loss(domain(source), domain(target)).backward()
    assert source.grad is None
    assert target.grad[0, 1] < 0 < target.grad[0, 0], "the likelier class gets likelier"
    assert not list(loss.parameters())
    assert loss.weight == 0.001
