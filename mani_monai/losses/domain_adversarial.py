"""Features that do not tell the domain, by gradient reversal."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mani_monai.losses.adaptation_loss import AdaptationLoss, DomainBatch

from .adversarial import SOURCE, TARGET, domain_cross_entropy


class _GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradient, None


def gradient_reversal(x: Tensor, strength: float) -> Tensor:
    """Identity whose gradient is multiplied by ``-strength`` (Ganin & Lempitsky, ICML 2015, section 3).

    Args:
        x: any shape.
        strength: lambda; 0 lets no gradient through.

    Returns:
        ``x``.
    """
    return _GradientReversal.apply(x, strength)


class DomainAdversarialLoss(AdaptationLoss):
    """A discriminator tells the domain of every location from its features, which learn the reverse (GRL, ICML 2015).

    ``(BCE(D(source), 1) + BCE(D(target), 0)) / 2``; the discriminator is trained by it at full weight, the features
    of both domains get its gradient times ``-strength``. A ``ScheduleHandler`` with "ganin" raises the strength
    over the training. Known of GRL on nuclei (rows of MaNi's tables): the name. Chosen: where it is attached, three
    1x1 convolutions with ReLU between as discriminator, and the final strength.

    Args:
        channels: K, channels of the features.
        tap: name of the layer whose output is aligned, one of the config's ``taps``; None: what enters the
            segmentation head.
        strength: factor of the reversed gradient.
        hidden: channels of the discriminator's two hidden layers.
        weight: factor of the whole, discriminator and features alike.

    Raises:
        ValueError: when ``weight`` or ``strength`` is negative.
    """

    def __init__(
        self, channels: int, tap: str | None = None, strength: float = 0.1, hidden: int = 256, weight: float = 1.0
    ) -> None:
        super().__init__(weight)
        if strength < 0:
            raise ValueError(f"strength must be >= 0, got {strength}.")
        self.tap = tap
        self.strength = strength
        self.discriminator = nn.Sequential(
            nn.Conv2d(channels, hidden, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, 1, kernel_size=1),
        )

    def score(self, batch: DomainBatch) -> Tensor:
        """B1hw, logits of "this is source" at every location of the features."""
        return self.discriminator(gradient_reversal(batch.features_of(self.tap), self.strength))

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: the labelled batch.
            target: the unlabelled batch.
            network: not used.

        Returns:
            the discriminator's cross-entropy, a scalar >= 0; ln 2 where it knows nothing.
        """
        of_source = domain_cross_entropy(self.score(source), SOURCE)
        of_target = domain_cross_entropy(self.score(target), TARGET)
        return (of_source + of_target) / 2
