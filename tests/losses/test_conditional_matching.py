"""Conditional matching: moments by hand, and no dependence on the share of nuclei."""

from __future__ import annotations

import math

import pytest
import torch

from mani_monai.losses import ConditionalMatchingLoss, DomainBatch

SURE = 100.0


def batch(values: list[float], nuclei: list[int], labelled: bool) -> DomainBatch:
    """One image of one row and one channel of features."""
    features = torch.tensor(values).view(1, 1, 1, -1).requires_grad_()
    mask = torch.tensor(nuclei, dtype=torch.float32).view(1, 1, 1, -1)
    logits = torch.cat([-SURE * (mask - 0.5), SURE * (mask - 0.5)], dim=1)
    image = torch.zeros(1, 3, 1, len(values))
    return DomainBatch(image, logits, features, logits, label=mask if labelled else None)


def test_value_by_hand():
    """Background is alike. Nuclei: means 5 and 7, variances 1 and 4."""
    source = batch([-1.0, 1.0, 4.0, 6.0], [0, 0, 1, 1], True)
    target = batch([-1.0, 1.0, 5.0, 9.0], [0, 0, 1, 1], False)
    expected = 4 / 2.5 + 0.1 * math.log(4) ** 2
    assert ConditionalMatchingLoss()(source, target).item() == pytest.approx(expected, rel=1e-4)


def test_the_share_of_nuclei_does_not_matter():
    source = batch([-1.0, 1.0, 4.0, 6.0], [0, 0, 1, 1], True)
    target = batch([-1.0, 1.0] * 5 + [4.0, 6.0], [0] * 10 + [1] * 2, False)
    assert ConditionalMatchingLoss()(source, target).item() == pytest.approx(0, abs=1e-6)


def test_a_missing_class_is_left_out_and_gradients_are_finite():
    source = batch([-1.0, 1.0, 4.0, 6.0], [0, 0, 1, 1], True)
    target = batch([0.0, 2.0, 0.0, 2.0], [0, 0, 0, 0], False)
    value = ConditionalMatchingLoss(spread=0)(source, target)
    value.backward()
    assert value.item() == pytest.approx(1.0, rel=1e-4)
    assert torch.isfinite(target.features.grad).all()
    assert source.features.grad[..., 2:].abs().sum() == 0


def test_both_domains_learn_and_labels_are_soft_where_the_target_is_unsure():
    source = batch([-1.0, 1.0, 4.0, 6.0], [0, 0, 1, 1], True)
    target = batch([-1.0, 1.0, 5.0, 9.0], [0, 0, 1, 1], False)
    ConditionalMatchingLoss()(source, target).backward()
    assert source.features.grad.abs().sum() > 0
    assert target.features.grad.abs().sum() > 0
    assert target.logits.grad is None


def test_bad_options():
    with pytest.raises(ValueError, match="spread"):
        ConditionalMatchingLoss(spread=-1)
