"""The discriminator of maps that scores patches."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


class PatchDiscriminator(nn.Sequential):
    """Scores overlapping patches of a map: five 4x4 convolutions of stride 2 without norm (AdaptSegNet, CVPR 2018).

    LeakyReLU of slope 0.2 stands between them. BCHW maps give B1hw scores, h = H / 32 rounded down: 5x5 for 160 px;
    maps of less than 32 px are too small.

    Args:
        in_channels: C, channels of the map.
        width: channels after the first convolution; then twice, four and eight times as many, and one. 64 is the
            published size (2,762,689 parameters for one channel).

    Raises:
        ValueError: when ``in_channels`` or ``width`` is below 1.
    """

    def __init__(self, in_channels: int = 1, width: int = 64) -> None:
        if in_channels < 1 or width < 1:
            raise ValueError(f"in_channels and width must be >= 1, got {in_channels} and {width}.")
        channels = [in_channels, width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        super().__init__(*layers, nn.Conv2d(channels[-1], 1, kernel_size=4, stride=2, padding=1))
