"""The discriminator of maps: its published size, and layers by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d, leaky_relu

from mani_monai.networks.blocks import PatchDiscriminator


def test_size_is_the_published_one():
    assert sum(parameter.numel() for parameter in PatchDiscriminator().parameters()) == 2762689


@pytest.mark.parametrize(("size", "scores"), [(400, 12), (512, 16), (256, 8), (160, 5), (128, 4), (32, 1)])
def test_a_score_every_32_pixels(size, scores):
    assert PatchDiscriminator(2, width=1)(torch.zeros(3, 2, size, size)).shape == (3, 1, scores, scores)


def test_scores_are_five_convolutions_with_leaky_relu_between():
    torch.manual_seed(0)
    discriminator, maps = PatchDiscriminator(1, width=3), torch.randn(2, 1, 64, 96)
    weights = list(discriminator.parameters())
    assert [len(bias) for bias in weights[1::2]] == [3, 6, 12, 24, 1]
    values = maps
    for layer in range(5):
        values = conv2d(values, weights[2 * layer], weights[2 * layer + 1], stride=2, padding=1)
        values = leaky_relu(values, 0.2) if layer < 4 else values
    torch.testing.assert_close(discriminator(maps), values)


@pytest.mark.parametrize("options", [{"in_channels": 0}, {"width": 0}])
def test_options_are_checked(options):
    with pytest.raises(ValueError, match=r"must be >= 1, got .*0"):
        PatchDiscriminator(**options)
