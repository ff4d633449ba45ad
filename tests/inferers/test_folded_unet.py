"""Which networks are folded, and which run as they are."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import BasicUNet

from mani_monai.inferers import WholeImageInferer
from mani_monai.inferers.folded_unet import FoldedUNet

FEATURES = [4] * 6


@pytest.mark.parametrize(
    "options",
    [
        {"norm": ("instance", {"affine": True})},
        {"norm": "BATCH", "act": "PRELU"},
        {"norm": "BATCH", "upsample": "nontrainable"},
        {"norm": ("BATCH", {"track_running_stats": False})},
    ],
)
def test_other_parts_run_as_they_are(options):
    network, images = BasicUNet(2, 3, 2, FEATURES, **options).eval(), torch.rand(1, 3, 40, 50)
    assert FoldedUNet.of(network) is None
    with torch.inference_mode():
        torch.testing.assert_close(WholeImageInferer()(images, network), network(images), rtol=0, atol=0)


def test_a_network_in_training_or_with_gradients_runs_as_it_is():
    network, images = BasicUNet(2, 3, 2, FEATURES, norm="BATCH"), torch.rand(2, 3, 32, 32)
    assert FoldedUNet.of(network) is None
    network.eval()
    assert FoldedUNet.of(network) is not None
    WholeImageInferer()(images, network).sum().backward()
    assert network.conv_0[0].conv.weight.grad is not None


def test_weights_are_taken_as_they_are_now():
    network, images = BasicUNet(2, 3, 2, FEATURES, norm="BATCH").eval(), torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        before = WholeImageInferer()(images, network)
    with torch.no_grad():
        network.conv_0[0].adn.N.running_mean.add_(1)
    with torch.inference_mode():
        after = WholeImageInferer()(images, network)
        torch.testing.assert_close(after, network(images), rtol=1e-4, atol=1e-5)
    assert not torch.equal(before, after)
