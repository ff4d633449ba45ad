"""What every discriminator of pairs takes and gives."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class PairDiscriminator(nn.Module, ABC):
    """Scores pairs of feature vectors, one of the target and one of the source each."""

    @abstractmethod
    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """
        Args:
            target: ...K, vectors of the target.
            source: ...K, vectors of the source.

        Returns:
            ...1, the score T of each pair.
        """
