"""Discriminators that must compare: the two vectors of a pair meet in a dot product alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from .pair_discriminator import PairDiscriminator


class BilinearDiscriminator(PairDiscriminator):
    """Scores pairs of vectors by a bilinear form with linear terms: the dot product of an affine map of each.

    ``T(t, s) = (A t + a) . (B s + b) / sqrt(hidden)``

    Args:
        channels: K, length of each vector.
        hidden: length of the mapped vectors, the rank of the form.
    """

    def __init__(self, channels: int, hidden: int = 64) -> None:
        super().__init__()
        self.target_map = nn.Linear(channels, hidden)
        self.source_map = nn.Linear(channels, hidden)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Scores pairs, see ``PairDiscriminator``."""
        target, source = self.target_map(target), self.source_map(source)
        return (target * source).sum(dim=-1, keepdim=True) / math.sqrt(target.shape[-1])


class CosineDiscriminator(PairDiscriminator):
    """Scores pairs of vectors by the cosine of an embedding of each, over a learned temperature.

    The scores stay within +-1 / coldest, so that no bound can run away. It is the "dot" form of Deep InfoMax in
    small: one hidden layer a vector, without its residual path, its LayerNorm and its 2048 units.

    Args:
        channels: K, length of each vector.
        hidden: width of the hidden layer and length of the embedding.
        temperature: where the temperature starts.
        coldest: the temperature stays above it.

    Raises:
        ValueError: when ``coldest`` <= 0 or ``temperature`` is not above it.
    """

    def __init__(self, channels: int, hidden: int = 128, temperature: float = 0.2, coldest: float = 0.05) -> None:
        super().__init__()
        if coldest <= 0:
            raise ValueError(f"coldest must be > 0, got {coldest}.")
        if temperature <= coldest:
            raise ValueError(f"temperature must be > coldest = {coldest}, got {temperature}.")
        self.target_map = self._embedding(channels, hidden)
        self.source_map = self._embedding(channels, hidden)
        self.log_warmth = nn.Parameter(torch.tensor(math.log(temperature - coldest)))
        self.coldest = coldest

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Scores pairs, see ``PairDiscriminator``."""
        target, source = normalize(self.target_map(target), dim=-1), normalize(self.source_map(source), dim=-1)
        return (target * source).sum(dim=-1, keepdim=True) / self.temperature()

    def temperature(self) -> Tensor:
        """The temperature as it is now, a scalar."""
        return self.coldest + self.log_warmth.exp()

    @staticmethod
    def _embedding(channels: int, hidden: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
