"""The DA_ADV-style discriminator of masks: what it sees, and that predictions come to look like masks."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import resnet18
from toy_adaptation import ToySegmenter, adapt, gap

from mani_monai.losses import MaskAdversarialLoss


def resnet() -> torch.nn.Module:
    """The overlay's discriminator, an eighth as wide."""
    return resnet18(spatial_dims=2, n_input_channels=1, num_classes=1, conv1_t_stride=2, widen_factor=1 / 8)


def test_maps_are_noisy_masks_and_probabilities():
    torch.manual_seed(0)
    network = ToySegmenter()
    source, target = network.batch(target=False), network.batch(target=True)
    masks, predictions = MaskAdversarialLoss(torch.nn.Identity(), noise=0.2).maps(source, target)
    assert predictions is target.probability
    background, nuclei = masks[source.label == 0], masks[source.label == 1]
    for values, low in ((background, 0.0), (nuclei, 0.8)):
        assert low <= values.min() < low + 0.01
        assert low + 0.19 < values.max() <= low + 0.2
        assert values.mean().item() == pytest.approx(low + 0.1, abs=0.01)


def test_no_noise_leaves_the_masks():
    network = ToySegmenter()
    source, target = network.batch(target=False), network.batch(target=True)
    masks, _ = MaskAdversarialLoss(torch.nn.Identity(), noise=0).maps(source, target)
    assert torch.equal(masks, source.label)


def test_noise_follows_torchs_generator():
    network = ToySegmenter()
    source, target = network.batch(target=False), network.batch(target=True)
    loss, drawn = MaskAdversarialLoss(torch.nn.Identity()), []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        drawn.append(loss.maps(source, target)[0])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("noise", [-0.1, 0.5])
def test_noise_is_checked(noise):
    with pytest.raises(ValueError, match=f"noise must be >= 0 and < 0.5, got {noise}"):
        MaskAdversarialLoss(torch.nn.Identity(), noise=noise)


def test_fooling_brings_the_targets_probabilities_to_the_sources_masks():
    gaps = {"before": gap(ToySegmenter(), lambda batch: batch.probability)}
    for weight in (0.0, 1.0):
        torch.manual_seed(1)
        network = adapt(MaskAdversarialLoss(resnet(), fooling_weight=weight))
        gaps[weight] = gap(network, lambda batch: batch.probability)
    assert gaps["before"] > 0.3
    assert gaps[0.0] == gaps["before"], "a discriminator that is not fooled teaches nothing"
    assert gaps[1.0] < gaps["before"] / 3
