"""Pictures in which nuclei are painted with their distances, and a real HoVer-Net whose weights read them off."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mani_monai.networks.nets import ConcatHoVerNet

LOW, RANGE = 90, 80
"""Of 255: what stands for nought, and how much more for one; brighter colours would be ink, and no tissue."""
STEEP, SHIFT = 255 / RANGE, -LOW / RANGE
"""Of a layer that reads a value off a channel in 0..1."""


def as_colours(maps: np.ndarray) -> np.ndarray:
    """HW3 maps in 0..1 as colours."""
    return (LOW + maps * RANGE).round().astype(np.uint8)


def painted(height: int, width: int, nuclei: list[tuple[int, int, int]]) -> np.ndarray:
    """HW3 picture of round nuclei (row, column, radius): red is nucleus, green and blue the distances to its centre."""
    maps = np.zeros((height, width, 3))
    maps[..., 1:] = 0.5  # no distance; nought in all three would be flat grey, and no tissue
    rows, columns = np.mgrid[:height, :width]
    for row, column, radius in nuclei:
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        distances = np.stack([columns - column, rows - row], axis=-1) / radius
        maps[inside] = np.dstack([np.ones((height, width)), (distances + 1) / 2])[inside]
    return as_colours(maps)


def reading_hovernet() -> ConcatHoVerNet:
    """HoVer-Net that hands an image's channels through its first block and its last shortcut, and nothing else."""
    network = ConcatHoVerNet().eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.zero_()
                if module.bias is not None:
                    module.bias.zero_()
        last = [f"{name}.output_features" for name in ("nucleus_prediction", "horizontal_vertical")]
        for name in ("conv0.conv", "res_blocks.d0.shortcut", *(f"{branch}.decoderblock3.conva" for branch in last)):
            weight = network.get_submodule(name).weight
            for channel in range(3):
                weight[channel, channel, weight.shape[2] // 2, weight.shape[3] // 2] = 1
        nuclei, distances = (network.get_submodule(f"{branch}.decoderblock4.conv") for branch in last)
        nuclei.weight[1, 0], nuclei.bias[1] = 20 * STEEP, 20 * SHIFT - 10
        for channel in range(2):
            distances.weight[channel, channel + 1], distances.bias[channel] = 2 * STEEP, 2 * SHIFT - 1
    return network
