"""Sure of each pixel, and with as many nuclei as the source: information on the target's prediction."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from .adaptation_loss import AdaptationLoss, DomainBatch

TINY = 1e-6


class PredictionInformationLoss(AdaptationLoss):
    """Mean entropy of the target's pixels, plus the divergence of their mean from a plausible share of nuclei.

    ``mean_i H(p_i) + KL(r || mean_i p_i)``, in nats (SHOT, Liang et al. 2020; AdaMI, Bateson et al. 2022).
    Known: entropy alone shrinks the nuclei; the second term is what holds their share.
    Chosen: r is the share of nuclei in the source's crops, a running mean. Shares within ``tolerance`` of it cost
    nothing: tissues differ. Beyond, r is the nearest share within.

    Args:
        weight: factor of the term in the total loss.
        tolerance: least and largest multiple of the source's share that costs nothing.
        memory: how much of the running share stays in an iteration.

    Raises:
        ValueError: when ``tolerance`` is not two increasing positive numbers, or ``memory`` is not in 0..1, below 1.
    """

    share: Tensor
    seen: Tensor

    def __init__(self, weight: float = 0.05, tolerance: tuple[float, float] = (0.6, 1.6), memory: float = 0.99) -> None:
        super().__init__(weight)
        if not 0 < tolerance[0] < tolerance[1]:
            raise ValueError(f"tolerance must be two increasing positive numbers, got {tolerance}.")
        if not 0 <= memory < 1:
            raise ValueError(f"memory must be in 0..1, below 1, got {memory}.")
        self.tolerance = tuple(tolerance)
        self.memory = memory
        self.register_buffer("share", torch.zeros(()))
        self.register_buffer("seen", torch.zeros((), dtype=torch.bool))

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: the labelled batch; its labels' share of nuclei alone is read.
            target: the unlabelled batch.
            network: not used.

        Returns:
            a scalar >= 0.
        """
        share = source.nuclei.mean().to(self.share)
        self.share.copy_(torch.lerp(share, self.share, self.memory) if self.seen else share)
        self.seen.fill_(True)
        log_probability = log_softmax(target.logits, dim=1)
        probability = log_probability.exp()
        entropy = -(probability * log_probability).sum(dim=1).mean()
        mean = probability[:, 1].mean().clamp(TINY, 1 - TINY)
        least, largest = (float(factor) * self.share for factor in self.tolerance)
        wanted = torch.minimum(torch.maximum(mean.detach(), least), largest).clamp(TINY, 1 - TINY)
        divergence = wanted * (wanted / mean).log() + (1 - wanted) * ((1 - wanted) / (1 - mean)).log()
        return entropy + divergence
