"""Nuclei by Dice and cross-entropy, and the distance to their borders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.losses import DiceCELoss
from scipy.special import expit, logit

from mani_monai.losses import DistanceDiceCELoss

OPTIONS = {"include_background": False, "to_onehot_y": True, "softmax": True, "smooth_nr": 1, "smooth_dr": 1}


def example() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    label = torch.randint(0, 256, (2, 1, 5, 6), generator=random)
    return torch.randn(2, 3, 5, 6, generator=random), torch.where(label < 100, 0, label).float()


def test_values_by_hand():
    logits, label = example()
    found, share = expit(logits.numpy()[:, 2]), label.numpy()[:, 0] / 255
    entropy = -(share * np.log(found) + (1 - share) * np.log(1 - found)).mean()
    nuclei = float(DiceCELoss(**OPTIONS)(logits[:, :2], (label > 0).float()))
    assert float(DistanceDiceCELoss(0.3, **OPTIONS)(logits, label)) == pytest.approx(nuclei + 0.3 * entropy, rel=1e-5)


def test_it_is_least_where_the_sigmoid_is_the_share():
    logits = torch.zeros(1, 3, 1, 3, dtype=torch.float64, requires_grad=True)
    label = torch.tensor([[[[0.0, 51.0, 204.0]]]], dtype=torch.float64)
    with torch.no_grad():
        logits[0, 2, 0, 1:] = torch.tensor(logit([0.2, 0.8]))
    DistanceDiceCELoss(**OPTIONS)(logits, label).backward()
    background, rim, middle = logits.grad[0, 2, 0].tolist()
    assert background > 0.01, "on background the distance is 0"
    assert (rim, middle) == pytest.approx((0, 0), abs=1e-12)


def test_nuclei_learn_as_without_a_distance():
    logits, label = example()
    logits.requires_grad_()
    (with_it,) = torch.autograd.grad(DistanceDiceCELoss(1.0, **OPTIONS)(logits, label), logits)
    (without,) = torch.autograd.grad(DiceCELoss(**OPTIONS)(logits[:, :2], (label > 0).float()), logits)
    torch.testing.assert_close(with_it[:, :2], without[:, :2])
    assert not without[:, 2].any()
    assert with_it[:, 2].all()


def test_bad_arguments():
    with pytest.raises(ValueError, match="distance_weight"):
        DistanceDiceCELoss(-1)
    with pytest.raises(ValueError, match="3 channels, got 2"):
        DistanceDiceCELoss(**OPTIONS)(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4))
