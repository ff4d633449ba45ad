"""Three classes: nuclei by Dice and cross-entropy, and their contour."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.losses import DiceCELoss
from scipy.special import expit, log_softmax

from mani_monai.losses import ContourDiceCELoss

OPTIONS = {"include_background": False, "to_onehot_y": True, "softmax": True, "smooth_nr": 1, "smooth_dr": 1}


def example() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 5, 6, generator=random), torch.randint(0, 3, (2, 1, 5, 6), generator=random).float()


def test_values_by_hand():
    logits, label = example()
    contour, values = expit(logits.numpy()[:, 2]), label.numpy()[:, 0]
    entropy = -np.where(values == 2, np.log(contour), np.log(1 - contour))[values > 0].mean()
    nuclei = float(DiceCELoss(**OPTIONS)(logits[:, :2], (label > 0).float()))
    assert float(ContourDiceCELoss(0.3, **OPTIONS)(logits, label)) == pytest.approx(nuclei + 0.3 * entropy, rel=1e-5)


def test_it_is_the_likelihood_of_three_classes():
    """Of nuclei alone: -log p(contour) is -log p(nucleus) - log p(contour | nucleus)."""
    logits, label = example()
    label = label.clamp(min=1)
    log = log_softmax(logits.numpy()[:, :2], axis=1)[:, 1]
    given = expit(logits.numpy()[:, 2])
    likelihood = log + np.where(label.numpy()[:, 0] == 2, np.log(given), np.log(1 - given))
    loss = ContourDiceCELoss(1.0, **OPTIONS, lambda_dice=0)
    assert float(loss(logits, label)) == pytest.approx(-likelihood.mean(), rel=1e-5)


def test_a_contour_of_the_background_is_nobodys_business():
    logits = torch.zeros(1, 3, 1, 3, requires_grad=True)
    ContourDiceCELoss(**OPTIONS)(logits, torch.tensor([[[[0.0, 1.0, 2.0]]]])).backward()
    background, inside, contour = logits.grad[0, 2, 0]
    assert background == 0
    assert contour < 0 < inside
    empty = ContourDiceCELoss(**OPTIONS)(logits, torch.zeros(1, 1, 1, 3))
    assert torch.isfinite(empty)


def test_bad_arguments():
    with pytest.raises(ValueError, match="contour_weight"):
        ContourDiceCELoss(-1)
    with pytest.raises(ValueError, match="3 channels, got 2"):
        ContourDiceCELoss(**OPTIONS)(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4))
