"""Pooling of feature maps over a mask (MaNi, section 2 and table 4).

Each function takes BKHW features and a BHW mask of 0 and 1; an image whose mask is empty gives zeros.
"""

from __future__ import annotations

import torch
from torch import Tensor


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
