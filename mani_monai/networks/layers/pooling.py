"""Pooling of feature maps: over a mask, and over cells of a grid (MaNi, section 2 and table 4).

Each function takes BKHW features and a BHW mask of 0 and 1; an image whose mask is empty gives zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d


def masked_mean(features: Tensor, mask: Tensor, eps: float = 1e-6) -> Tensor:
    """Mean of the features where the mask is 1.

    Returns:
        BK vectors.
    """
    # A product of matrices in the features' own memory layout: its gradient has that layout too, so nothing is copied.
    if features.is_contiguous(memory_format=torch.channels_last):
        sums = torch.bmm(mask.flatten(1).unsqueeze(1), features.permute(0, 2, 3, 1).flatten(1, 2)).squeeze(1)
    else:
        sums = torch.bmm(features.flatten(2), mask.flatten(1).unsqueeze(2)).squeeze(2)
    return sums / (mask.sum(dim=(1, 2)).unsqueeze(1) + eps)


def masked_max(features: Tensor, mask: Tensor) -> Tensor:
    """Largest feature of each channel where the mask is 1.

    Returns:
        BK vectors.
    """
    inside = mask.unsqueeze(1) > 0
    largest = features.masked_fill(~inside, float("-inf")).amax(dim=(2, 3))
    return largest.masked_fill(~inside.flatten(1).any(dim=1, keepdim=True), 0)


def masked_random(features: Tensor, mask: Tensor, samples: int) -> Tensor:
    """Features of pixels drawn at random, with replacement, where the mask is 1.

    Draws from torch's global generator.

    Returns:
        BNK vectors, N = ``samples``.
    """
    weights = mask.flatten(1)
    empty = weights.sum(dim=1) == 0
    positions = torch.multinomial(weights + empty.unsqueeze(1), samples, replacement=True)
    drawn = features.flatten(2).gather(2, positions.unsqueeze(1).expand(-1, features.shape[1], -1))
    return drawn.transpose(1, 2).masked_fill(empty.view(-1, 1, 1), 0)


@dataclass(frozen=True)
class CellPooling:
    """Means of the masked features in cells that are drawn at random from a grid.

    A cell is drawn, with replacement, as often as it has a share in the mask: a vector's expectation is the mean over
    the whole mask, cells without a masked pixel are never drawn, and a cell with a few pixels hardly ever. Draws from
    torch's global generator.

    Args:
        cells: cells along each side of the image.
        samples: N, vectors an image.

    Raises:
        ValueError: when ``cells`` or ``samples`` < 1.
    """

    cells: int = 4
    samples: int = 4

    def __post_init__(self) -> None:
        for name in ("cells", "samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}.")

    def __call__(self, features: Tensor, mask: Tensor) -> Tensor:
        """
        Args:
            features: BKHW.
            mask: BHW, 0 to 1; an image whose mask is empty gives zeros.

        Returns:
            BNK vectors.
        """
        share = adaptive_avg_pool2d(mask, self.cells)
        sums = adaptive_avg_pool2d(features * mask.unsqueeze(1), self.cells)
        means = sums / share.unsqueeze(1).clamp(min=1e-12)
        return masked_random(means, share, self.samples)
