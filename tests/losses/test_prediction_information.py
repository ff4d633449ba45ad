"""Information on the target's prediction: entropy, and a share of nuclei that is plausible."""

from __future__ import annotations

import math

import pytest
import torch

from mani_monai.losses import DomainBatch, PredictionInformationLoss


def of(*probabilities: float, label: float | None = None) -> DomainBatch:
    """One image, a pixel for each probability of nuclei; of the source, the share of labelled pixels."""
    nuclei = torch.tensor(probabilities, dtype=torch.float64)
    logits = torch.stack([1 - nuclei, nuclei]).log()[None, :, None].requires_grad_()
    mask = None if label is None else (torch.arange(10) < 10 * label).double().view(1, 1, 1, 10)
    return DomainBatch(torch.zeros(1, 3, 1, len(nuclei)), logits, logits.detach(), logits, label=mask)


def entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def divergence(r: float, p: float) -> float:
    return r * math.log(r / p) + (1 - r) * math.log((1 - r) / (1 - p))


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([0.2, 0.2], entropy(0.2)),  # the source's share
        ([0.3, 0.3], entropy(0.3)),  # within 0.12 to 0.32
        ([0.1, 0.1], entropy(0.1) + divergence(0.12, 0.1)),
        ([0.5, 0.5], entropy(0.5) + divergence(0.32, 0.5)),
        ([0.9, 0.1], entropy(0.9) + divergence(0.32, 0.5)),
    ],
)
def test_value_by_hand(probabilities, expected):
    value = PredictionInformationLoss()(of(0.5, label=0.2), of(*probabilities))
    assert value.item() == pytest.approx(expected, abs=1e-6)


def test_too_few_nuclei_are_pushed_up_where_entropy_alone_pushes_down():
    target = of(0.05, 0.05)
    PredictionInformationLoss()(of(0.5, label=0.5), target).backward()
    assert (target.logits.grad[0, 1] < 0).all()
    plain = of(0.05, 0.05)
    PredictionInformationLoss(tolerance=(1e-6, 10.0))(of(0.5, label=0.5), plain).backward()
    assert (plain.logits.grad[0, 1] > 0).all()


def test_the_share_is_a_running_mean_and_the_source_gets_no_gradient():
    loss = PredictionInformationLoss(memory=0.9)
    source = of(0.5, label=0.2)
    loss(source, of(0.2)).backward()
    assert loss.share.item() == pytest.approx(0.2)
    loss(of(0.5, label=0.4), of(0.2))
    assert loss.share.item() == pytest.approx(0.9 * 0.2 + 0.1 * 0.4)
    assert source.logits.grad is None


def test_certainty_is_finite():
    logits = torch.tensor([[[[300.0]], [[-300.0]]]], requires_grad=True)
    target = DomainBatch(torch.zeros(1, 3, 1, 1), logits, logits.detach(), logits)
    PredictionInformationLoss()(of(0.5, label=0.2), target).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("options", [{"tolerance": (2, 1)}, {"tolerance": (0, 1)}, {"memory": 1.0}])
def test_bad_options(options):
    with pytest.raises(ValueError, match="must be"):
        PredictionInformationLoss(**options)
