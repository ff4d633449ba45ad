"""Pooling of feature maps over the cells of a grid: several vectors an image, each the mean of a region."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from .masked_pooling import masked_random


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
