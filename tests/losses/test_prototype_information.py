"""MaNi's bound on stored vectors, against the bound on images, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch

from mani_monai.losses import DomainBatch, PrototypeInformationLoss

VECTORS = {"nuclei": [[2.0, 0.0, 1.0]], "background": [[-2.0, 1.0, 0.0]]}


def batch(nuclei: float = 1.0):
    """Two images of 3 channels whose left half is predicted nuclei."""
    features = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    logits = torch.zeros(2, 2, 4, 4)
    logits[:, 1] = -1.0
    logits[:, 1, :, :2] = nuclei
    return DomainBatch(torch.zeros(2, 3, 4, 4), logits, features, logits)


def test_value_by_hand():
    """A vector a class: nothing is left to chance."""
    loss, target = PrototypeInformationLoss(VECTORS, 3, hidden=8), batch()
    anchor = target.features[..., :2].mean((2, 3)).unsqueeze(1)
    vectors = {name: torch.tensor(found).expand(2, 1, 3) for name, found in VECTORS.items()}
    positive = loss.discriminator(anchor, vectors["nuclei"])
    negative = loss.discriminator(anchor, vectors["background"])
    expected = torch.log1p(torch.exp(-positive)).mean() + torch.log1p(torch.exp(negative)).mean()
    torch.testing.assert_close(loss(batch(), target), expected, rtol=1e-4, atol=1e-5)
    assert expected.item() < 4 * math.log(2)


def test_only_predicted_nuclei_get_a_gradient():
    loss, target = PrototypeInformationLoss(VECTORS, 3, hidden=8), batch()
    loss(target, target).backward()
    assert (target.features.grad[..., :2] != 0).any()
    assert (target.features.grad[..., 2:] == 0).all()
    assert not dict(loss.named_parameters()).keys() & {"vectors"}
    assert "vectors" in loss.state_dict()


def test_no_nucleus_is_no_loss():
    target = batch(nuclei=-1.0)
    assert PrototypeInformationLoss(VECTORS, 3)(target, target).item() == 0


@pytest.mark.parametrize(
    "vectors",
    [
        {"nuclei": [], "background": []},
        {"nuclei": [[1.0, 2.0]], "background": [[1.0, 2.0]]},
        {"nuclei": [[1.0, 2.0, 3.0]] * 2, "background": [[1.0, 2.0, 3.0]]},
    ],
)
def test_vectors_that_do_not_fit(vectors):
    with pytest.raises(ValueError, match="prototypes must be as many vectors of 3 numbers a class"):
        PrototypeInformationLoss(vectors, 3)
