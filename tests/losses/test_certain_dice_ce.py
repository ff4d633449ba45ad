"""Pixels of which nobody is sure have no part in Dice, cross-entropy and gradient."""

from __future__ import annotations

import pytest
import torch
from monai.losses import DiceCELoss

from mani_monai.losses import CertainDiceCELoss, SeamDiceCELoss

OPTIONS = {"include_background": False, "to_onehot_y": True, "softmax": True, "smooth_nr": 1, "smooth_dr": 1}


@pytest.fixture
def logits():
    return torch.randn(2, 2, 6, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)


@pytest.fixture
def labels():
    return torch.randint(2, (2, 1, 6, 8), generator=torch.Generator().manual_seed(1))


def test_a_sure_label_gives_the_stock_loss(logits, labels):
    torch.testing.assert_close(CertainDiceCELoss(**OPTIONS)(logits, labels), DiceCELoss(**OPTIONS)(logits, labels))


@pytest.mark.parametrize("option", [{"weight": torch.tensor([1.0, 3.0])}, {"label_smoothing": 0.2}])
def test_every_option_of_the_stock_loss_counts(logits, labels, option):
    options = {**OPTIONS, "include_background": True, **option}
    plain, stock = CertainDiceCELoss(**OPTIONS)(logits, labels), DiceCELoss(**options)(logits, labels)
    torch.testing.assert_close(CertainDiceCELoss(**options)(logits, labels), stock)
    torch.testing.assert_close(SeamDiceCELoss(**options)(logits, labels), stock)
    assert stock.item() != pytest.approx(plain.item(), rel=1e-3)


def test_what_is_unsure_might_as_well_not_be_there(logits, labels):
    """The loss is that of the images without their unsure columns, and those get no gradient."""
    unsure = labels.clone()
    unsure[..., 5:] = 2
    loss = CertainDiceCELoss(**OPTIONS)(logits, unsure)
    torch.testing.assert_close(loss, DiceCELoss(**OPTIONS)(logits[..., :5], labels[..., :5]))
    loss.backward()
    assert (logits.grad[..., 5:] == 0).all()
    assert (logits.grad[..., :5] != 0).all()


def test_a_channel_of_the_contour_learns_nothing(logits, labels):
    loss = CertainDiceCELoss(**OPTIONS)
    three = torch.cat([logits, logits[:, :1]], dim=1).detach().requires_grad_()
    value = loss(three, labels)
    torch.testing.assert_close(value, loss(logits, labels))
    value.backward()
    assert (three.grad[:, 2] == 0).all()


def test_nothing_sure_is_nothing_to_learn(logits):
    loss = CertainDiceCELoss(**OPTIONS)(logits, torch.full((2, 1, 6, 8), 2))
    assert loss.item() == pytest.approx(0, abs=1e-6)
    loss.backward()
    assert (logits.grad == 0).all()
