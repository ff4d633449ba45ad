"""Dice and cross-entropy with weighted seams, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.losses import DiceCELoss
from scipy.special import log_softmax

from mani_monai.losses import SeamDiceCELoss

OPTIONS = {"include_background": False, "to_onehot_y": True, "softmax": True, "smooth_nr": 1, "smooth_dr": 1}


def example() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn(2, 2, 5, 6, generator=random), torch.randint(0, 3, (2, 1, 5, 6), generator=random).float()


def test_values_by_hand():
    logits, label = example()
    log = log_softmax(logits.numpy().astype(np.float64), axis=1)
    values = label[:, 0].numpy()
    entropy, weight = -np.where(values == 1, log[:, 1], log[:, 0]), np.where(values == 2, 3.0, 1.0)
    dice = DiceCELoss(**OPTIONS, lambda_ce=0)(logits, (label == 1).float())
    expected = float(dice) + (entropy * weight).sum() / weight.sum()
    assert float(SeamDiceCELoss(3.0, **OPTIONS)(logits, label)) == pytest.approx(expected, rel=1e-5)


def test_without_seams_it_is_monais_loss():
    logits, label = example()
    mask = (label == 1).float()
    torch.testing.assert_close(SeamDiceCELoss(5.0, **OPTIONS)(logits, mask), DiceCELoss(**OPTIONS)(logits, mask))


def test_a_seam_pulls_towards_background():
    logits = torch.zeros(1, 2, 1, 2, requires_grad=True)
    SeamDiceCELoss(5.0, **OPTIONS)(logits, torch.tensor([[[[0.0, 2.0]]]])).backward()
    background, seam = logits.grad[0, 1, 0]
    assert 0 < background < seam


def test_a_weight_that_is_not_positive():
    with pytest.raises(ValueError, match="seam_weight"):
        SeamDiceCELoss(0)
