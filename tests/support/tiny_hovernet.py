"""A network with HoVer-Net's layer names, valid convolutions and dictionary, small enough for a test."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WINDOW, OUTPUT = 48, 32


class TinyBranch(nn.Module):
    """A branch that ends as HoVer-Net's do: BatchNorm, ReLU, 1x1 convolution."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        head = nn.Sequential()
        head.add_module("bn", nn.BatchNorm2d(channels))
        head.add_module("relu", nn.ReLU())
        head.add_module("conv", nn.Conv2d(channels, out_channels, 1))
        self.output_features = nn.Sequential()
        self.output_features.add_module("decoderblock3", nn.Conv2d(channels, channels, 1))
        self.output_features.add_module("decoderblock4", head)

    def forward(self, features: Tensor) -> Tensor:
        return self.output_features(features)


class TinyHoVerNet(nn.Module):
    """48 px in, 32 px out; the middle is what an image's borders cannot reach in HoVer-Net."""

    def __init__(self, out_classes: int = 0, freeze_encoder: bool = False, channels: int = 64) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.res_blocks = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.res_blocks.requires_grad_(not freeze_encoder)  # as in MONAI's, conv0 trains in any case
        self.bottleneck = nn.Conv2d(8, channels, 1)
        branches = {"nucleus_prediction": 2, "horizontal_vertical": 2, "type_prediction": out_classes}
        self.names = [name for name, out in branches.items() if out]
        for name in self.names:
            self.add_module(name, TinyBranch(channels, branches[name]))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        if image.shape[2:] != (WINDOW, WINDOW):
            raise ValueError(f"images must be {WINDOW}x{WINDOW}, got {tuple(image.shape[2:])}.")
        edge = (WINDOW - OUTPUT) // 2
        features = self.bottleneck(self.res_blocks(self.conv0(image)))[..., edge:-edge, edge:-edge]
        return {name: getattr(self, name)(features) for name in self.names}


class TinyConcatHoVerNet(TinyHoVerNet):
    """The same with its branches in one tensor."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat(list(super().forward(image).values()), dim=1)
