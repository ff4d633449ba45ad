"""Discriminators that score pairs of feature vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConcatDiscriminator(nn.Module):
    """Scores pairs of vectors: both concatenated, then three linear layers with ReLU between (Deep InfoMax, 1A).

    Args:
        channels: K, length of each vector.
        hidden: width of the two hidden layers.
    """

    def __init__(self, channels: int, hidden: int = 512) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * channels, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """
        Args:
            target: ...K, vectors of target nuclei.
            source: ...K, vectors of source nuclei or source background.

        Returns:
            ...1, the score T of each pair.
        """
        return self.layers(torch.cat([target, source], dim=-1))
