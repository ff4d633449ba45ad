"""Copies of images, for what compares a network's answers to two of them: perturbed ones, and turned ones.

A perturbation is called with B3HW images in 0..1 and draws from torch's global generator, anew for every image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .colour_jitter import check_strength, jitter_stains


class StainPerturbation:
    """Changes the densities of haematoxylin, eosin and DAB at random, as ``RandStainJitterd`` does.

    Args:
        scale: largest change of the factor 1 of each stain, to either side.
        shift: largest addend to each stain's optical density, to either side.

    Raises:
        ValueError: when ``scale`` is not in 0..1 or ``shift`` is negative.
    """

    def __init__(self, scale: float = 0.4, shift: float = 0.1) -> None:
        check_strength(scale, shift)
        self.scale = scale
        self.shift = shift

    def __call__(self, images: Tensor) -> Tensor:
        draws = torch.rand(2, len(images), 3, device=images.device) * 2 - 1
        return jitter_stains(images, 1 + self.scale * draws[0], self.shift * draws[1])


class NoisePerturbation:
    """Adds Gaussian noise of bounded size to every value; the sum is not clipped.

    Args:
        std: standard deviation of the noise.
        limit: its largest size, to either side.

    Raises:
        ValueError: when ``std`` is negative or ``limit`` is not positive.
    """

    def __init__(self, std: float = 0.1, limit: float = 0.2) -> None:
        if std < 0:
            raise ValueError(f"std must be >= 0, got {std}.")
        if limit <= 0:
            raise ValueError(f"limit must be > 0, got {limit}.")
        self.std = std
        self.limit = limit

    def __call__(self, images: Tensor) -> Tensor:
        return images + (torch.randn_like(images) * self.std).clamp_(-self.limit, self.limit)


class BlockMask:
    """Paints random blocks of a grid over, each with the same probability (MIC, Hoyer et al. 2023).

    A masked block has its image's mean colour, which is what MIC's zeros after normalisation stand for: black would be
    the densest of stains.

    Args:
        ratio: probability that a block is masked.
        size: side of a block in pixels; those at the lower and right edge may be cut off. MIC's 64 at 1024 pixels
            are 16 at 256.

    Raises:
        ValueError: when ``ratio`` is not in 0..1 or ``size`` < 1.
    """

    def __init__(self, ratio: float = 0.7, size: int = 16) -> None:
        if not 0 <= ratio <= 1:
            raise ValueError(f"ratio must be in 0..1, got {ratio}.")
        if size < 1:
            raise ValueError(f"size must be >= 1, got {size}.")
        self.ratio = ratio
        self.size = size

    def __call__(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        grid = (len(images), 1, -(-height // self.size), -(-width // self.size))
        kept = (torch.rand(grid, device=images.device) >= self.ratio).to(images.dtype)
        kept = interpolate(kept, scale_factor=self.size, mode="nearest")[..., :height, :width]
        return torch.where(kept > 0, images, images.mean(dim=(2, 3), keepdim=True))


@dataclass(frozen=True)
class Symmetry:
    """A reflection of the columns, where ``reflected``, after some quarter turns; it is undone without loss.

    Args:
        quarter_turns: how often the image is turned by 90 degrees, anticlockwise.
        reflected: whether it is then reflected left to right.
    """

    quarter_turns: int = 0
    reflected: bool = False

    @classmethod
    def random(cls, height: int, width: int) -> Symmetry:
        """One of those that keep the size, drawn from torch's global generator: eight of a square, four else."""
        turns, reflected = torch.randint(4, (2,)).tolist()
        return cls(turns if height == width else turns // 2 * 2, reflected >= 2)

    def apply(self, images: Tensor) -> Tensor:
        """...HW images turned and reflected."""
        turned = torch.rot90(images, self.quarter_turns, (-2, -1))
        return turned.flip(-1) if self.reflected else turned

    def undo(self, images: Tensor) -> Tensor:
        """...HW images back as they were before ``apply``."""
        turned = images.flip(-1) if self.reflected else images
        return torch.rot90(turned, -self.quarter_turns, (-2, -1))
