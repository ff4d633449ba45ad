"""Dice and cross-entropy of nuclei, and of how far within its nucleus a pixel lies."""

from __future__ import annotations

from typing import Any

from monai.losses import DiceCELoss
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ..transforms.nuclei_seams import DEEPEST


class DistanceDiceCELoss(DiceCELoss):
    """``DiceCELoss`` of nuclei, and the cross-entropy of a third channel with a pixel's distance to the border.

    The distance is a share of its nucleus's largest one, and 0 on background. Cross-entropy with a share is least where
    the sigmoid is that share. So StarDist learns it (Schmidt et al. 2018, section 2). The first two channels stay the
    logits of background and nuclei.

    Args:
        distance_weight: of the distance's cross-entropy, the mean over all pixels.
        options: those of ``DiceCELoss``.

    Raises:
        ValueError: when ``distance_weight`` is negative.
    """

    def __init__(self, distance_weight: float = 0.3, **options: Any) -> None:
        super().__init__(**options)
        if distance_weight < 0:
            raise ValueError(f"distance_weight must be >= 0, got {distance_weight}.")
        self.distance_weight = distance_weight

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """
        Args:
            input: B3HW logits: background, nuclei, and the distance.
            target: B1HW: 0 background, up to ``DEEPEST`` where a nucleus is deepest.

        Returns:
            a scalar >= 0.

        Raises:
            ValueError: when there are not three channels.
        """
        if input.shape[1] != 3:
            raise ValueError(f"input must have 3 channels, got {input.shape[1]}.")
        entropy = binary_cross_entropy_with_logits(input[:, 2:], target.to(input.dtype) / DEEPEST)
        return super().forward(input[:, :2], (target > 0).to(input.dtype)) + self.distance_weight * entropy
