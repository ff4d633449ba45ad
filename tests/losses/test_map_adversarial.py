"""CellSegUDA's discriminator of predictions: what it sees, and that fooling it brings the domains together."""

from __future__ import annotations

import torch
from toy_adaptation import ToySegmenter, adapt, gap

from mani_monai.losses import DomainBatch, OutputAdversarialLoss
from mani_monai.networks.blocks import PatchDiscriminator


def test_maps_are_the_probabilities_of_nuclei():
    torch.manual_seed(0)
    loss = OutputAdversarialLoss(torch.nn.Identity())
    logits = torch.randn(2, 2, 2, 4, 4)
    batches = [DomainBatch(item, item, item, item) for item in logits]
    for values, seen in zip(logits, loss.maps(*batches), strict=True):
        torch.testing.assert_close(seen, torch.sigmoid(values[:, 1:] - values[:, :1]))


def test_published_weight():
    loss = OutputAdversarialLoss(torch.nn.Identity())
    assert (loss.fooling_weight, loss.smoothing, loss.weight) == (0.001, 0, 1)


def test_fooling_brings_the_targets_probabilities_to_the_sources():
    gaps = {"before": gap(ToySegmenter(), lambda batch: batch.probability)}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        network = adapt(OutputAdversarialLoss(PatchDiscriminator(1, width=8), fooling_weight=weight))
        gaps[weight] = gap(network, lambda batch: batch.probability)
    assert gaps["before"] > 0.3
    assert gaps[0.0] == gaps["before"], "a discriminator that is not fooled teaches nothing"
    assert gaps[1.0] < gaps["before"] / 3
