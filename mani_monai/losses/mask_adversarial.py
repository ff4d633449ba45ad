"""Adversarial alignment of the target's predictions with the source's masks, DA_ADV-style."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mani_monai.losses.adaptation_loss import DomainBatch

from .adversarial import AdversarialLoss


class MaskAdversarialLoss(AdversarialLoss):
    """A discriminator tells masks that people drew from predictions for the target (after Dong et al., MICCAI 2018).

    Known: predictions on the target are to look like ground truth, whatever their domain; the discriminator is an
    ordinary ResNet that scores whole images. Chosen, since the paper gives no code: real are source masks alone and
    fake target predictions alone, the weights, and the two defences against a discriminator that only looks whether
    a map is binary: label smoothing, and noise that draws the masks' values away from 0 and 1.

    Args:
        discriminator: B1HW maps to scores; image-level, e.g. MONAI's ResNet-18 with one channel in and one class.
        fooling_weight: factor of the fooling term.
        smoothing: label smoothing of the masks in the discriminator's term.
        noise: masks become uniform in [0, noise] on background and in [1 - noise, 1] on nuclei.
        weight: factor of the whole.

    Raises:
        ValueError: as ``AdversarialLoss``; when ``noise`` is not in [0, 0.5).
    """

    def __init__(
        self,
        discriminator: nn.Module,
        fooling_weight: float = 0.001,
        smoothing: float = 0.1,
        noise: float = 0.1,
        weight: float = 1.0,
    ) -> None:
        super().__init__(discriminator, fooling_weight, smoothing, weight)
        if not 0 <= noise < 0.5:
            raise ValueError(f"noise must be >= 0 and < 0.5, got {noise}.")
        self.noise = noise

    def maps(self, source: DomainBatch, target: DomainBatch) -> tuple[Tensor, Tensor]:
        """B1HW each: the source's masks with noise, the target's probability of nuclei."""
        return (source.nuclei - self.noise * torch.rand_like(source.nuclei)).abs(), target.probability
