"""Discriminators that score pairs of feature vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from .pair_discriminator import PairDiscriminator


class ConcatDiscriminator(PairDiscriminator):
    """Scores pairs of vectors: both concatenated, then three linear layers with ReLU between (Deep InfoMax, 1A).

    Dropout and spectral normalisation are beyond the paper: they keep the discriminator from being sure too soon.

    Args:
        channels: K, length of each vector.
        hidden: width of the two hidden layers.
        dropout: share of hidden units that is dropped in training.
        spectral_norm: divide each layer's weights by their largest singular value (Miyato et al. 2018), so that
            scores change no faster than the vectors do.

    Raises:
        ValueError: when ``dropout`` is not in [0, 1).
    """

    def __init__(self, channels: int, hidden: int = 512, dropout: float = 0.0, spectral_norm: bool = False) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}.")
        self.layers = nn.Sequential(
            nn.Linear(2 * channels, hidden),
            nn.Sequential(nn.ReLU(), nn.Dropout(dropout)),
            nn.Linear(hidden, hidden),
            nn.Sequential(nn.ReLU(), nn.Dropout(dropout)),
            nn.Linear(hidden, 1),
        )
        if spectral_norm:
            for position in (0, 2, 4):
                parametrizations.spectral_norm(self.layers[position])

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Scores pairs, see ``PairDiscriminator``."""
        return self.layers(torch.cat([target, source], dim=-1))
