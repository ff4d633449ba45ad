"""Dice and cross-entropy over the pixels whose label is sure."""

from __future__ import annotations

import torch
from monai.losses import DiceCELoss
from torch import Tensor

from ..transforms.sure_nuclei import UNSURE
from .pixel_cross_entropy import pixel_cross_entropy

_BACKGROUND = 30.0  # a logit whose softmax is 1


class CertainDiceCELoss(DiceCELoss):
    """``DiceCELoss`` that leaves pixels out whose label nobody is sure of.

    To Dice such a pixel is background that was found. The cross-entropy is the mean over the others. A third channel
    learns nothing: where a sure nucleus ends at an unsure one, its border is unknown.

    Args:
        options: those of ``DiceCELoss``.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """
        Args:
            input: B2HW logits of background and nuclei, or B3HW with a third channel behind them.
            target: B1HW: 0 background, 1 nuclei, 2 unsure.

        Returns:
            a scalar >= 0; 0 where no pixel is sure.
        """
        input = input[:, :2]
        unsure = target == UNSURE
        mask = target.masked_fill(unsure, 0)
        found = torch.zeros_like(input)
        found[:, 0] = _BACKGROUND
        mean = pixel_cross_entropy(self, input, mask, (~unsure[:, 0]).to(input.dtype))
        return self.lambda_dice * self.dice(torch.where(unsure, found, input), mask) + self.lambda_ce * mean
