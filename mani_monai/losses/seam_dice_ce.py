"""Dice and cross-entropy that weigh the seams between touching nuclei."""

from __future__ import annotations

from typing import Any

from monai.losses import DiceCELoss
from torch import Tensor

from ..transforms.nuclei_seams import SEAM
from .pixel_cross_entropy import pixel_cross_entropy


class SeamDiceCELoss(DiceCELoss):
    """``DiceCELoss`` where a seam is background, and counts ``seam_weight`` times in the cross-entropy.

    A weighted mean: the cross-entropy is divided by the sum of the pixels' weights. Ronneberger et al. (2015) weigh
    pixels between cells up to 11 times.

    Args:
        seam_weight: weight of a seam's pixel; of any other it is 1.
        options: those of ``DiceCELoss``.

    Raises:
        ValueError: when ``seam_weight`` is not positive.
    """

    def __init__(self, seam_weight: float = 5.0, **options: Any) -> None:
        super().__init__(**options)
        if seam_weight <= 0:
            raise ValueError(f"seam_weight must be > 0, got {seam_weight}.")
        self.seam_weight = seam_weight

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """
        Args:
            input: B2HW logits.
            target: B1HW: 0 background, 1 nuclei, 2 seams.

        Returns:
            a scalar >= 0.
        """
        seams = target == SEAM
        mask = target.masked_fill(seams, 0)
        weight = 1 + (self.seam_weight - 1) * seams[:, 0].to(input.dtype)
        mean = pixel_cross_entropy(self, input, mask, weight)
        return self.lambda_dice * self.dice(input, mask) + self.lambda_ce * mean
