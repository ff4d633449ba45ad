"""The projection of features before they are pooled."""

from __future__ import annotations

from torch import nn


class ProjectionHead(nn.Sequential):
    """1x1 convolution, BatchNorm and ReLU with as many channels out as in (MaNi, section 2).

    Args:
        channels: K, channels of the BKHW features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(nn.Conv2d(channels, channels, kernel_size=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
