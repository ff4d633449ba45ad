"""ADVENT: the weighted self-information by hand, and that the target becomes as sure as the source."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_adaptation import ToySegmenter, adapt, gap

from mani_monai.losses import DomainBatch, EntropyAdversarialLoss, self_information
from mani_monai.networks.blocks import PatchDiscriminator


@pytest.mark.parametrize("classes", [2, 3])
def test_self_information_is_the_published_formula(classes):
    torch.manual_seed(0)
    logits = 3 * torch.randn(2, classes, 4, 5, dtype=torch.float64)
    probability = np.exp(logits.numpy())
    probability /= probability.sum(axis=1, keepdims=True)
    expected = -probability * np.log2(probability + 1e-30) / np.log2(classes)
    np.testing.assert_allclose(self_information(logits), expected, atol=1e-12)


def test_self_information_of_the_unsure_and_of_the_sure():
    logits = torch.tensor([[0.0, 0.0], [200.0, -200.0]]).view(2, 2, 1, 1).requires_grad_()
    information = self_information(logits)
    assert information.flatten().tolist() == pytest.approx([0.5, 0.5, 0, 0], abs=1e-6)
    information.sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_maps_are_the_self_information_of_both_classes():
    logits = torch.randn(2, 1, 2, 4, 4)
    source, target = (DomainBatch(item, item, item, item) for item in logits)
    maps = EntropyAdversarialLoss(torch.nn.Identity()).maps(source, target)
    assert torch.equal(maps[0], self_information(logits[0]))
    assert torch.equal(maps[1], self_information(logits[1]))


def test_fooling_makes_the_target_as_sure_as_the_source():
    """As sure, on whichever side: the toy's unsure background may become nuclei, ADVENT's own weakness."""

    def information(batch):
        return self_information(batch.logits)

    gaps = {"before": gap(ToySegmenter(), information)}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        network = adapt(EntropyAdversarialLoss(PatchDiscriminator(2, width=8), fooling_weight=weight))
        gaps[weight] = gap(network, information)
    assert gaps["before"] > 0.25
    assert gaps[0.0] == gaps["before"], "a discriminator that is not fooled teaches nothing"
    assert gaps[1.0] < gaps["before"] / 3
