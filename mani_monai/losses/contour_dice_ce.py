"""Dice and cross-entropy of three classes: background, and of a nucleus its inside and its contour."""

from __future__ import annotations

from typing import Any

import torch
from monai.losses import DiceCELoss
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ..transforms.nuclei_seams import CONTOUR


class ContourDiceCELoss(DiceCELoss):
    """``DiceCELoss`` of nuclei, and the cross-entropy of a nucleus's pixel being its contour.

    The likelihood of three classes is that of nuclei times that of the contour, given a nucleus. So the first two
    channels stay the logits of background and nuclei. After DCAN (Chen et al. 2016), whose two maps are independent.

    Args:
        contour_weight: of the contour's cross-entropy, the mean over pixels of nuclei.
        options: those of ``DiceCELoss``.

    Raises:
        ValueError: when ``contour_weight`` is negative.
    """

    def __init__(self, contour_weight: float = 0.3, **options: Any) -> None:
        super().__init__(**options)
        if contour_weight < 0:
            raise ValueError(f"contour_weight must be >= 0, got {contour_weight}.")
        self.contour_weight = contour_weight

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """
        Args:
            input: B3HW logits: background, nuclei, and contour given a nucleus.
            target: B1HW: 0 background, 1 inside, 2 contour.

        Returns:
            a scalar >= 0.

        Raises:
            ValueError: when there are not three channels.
        """
        if input.shape[1] != 3:
            raise ValueError(f"input must have 3 channels, got {input.shape[1]}.")
        nuclei = target > 0
        contour = (target == CONTOUR).to(input.dtype)
        entropy = binary_cross_entropy_with_logits(input[:, 2:], contour, reduction="none")
        mean = torch.where(nuclei, entropy, 0).sum() / nuclei.sum().clamp(min=1)
        return super().forward(input[:, :2], nuclei.to(input.dtype)) + self.contour_weight * mean
