"""Certainty on the target."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn.functional import log_softmax

from mani_monai.losses.adaptation_loss import AdaptationLoss, DomainBatch


class EntropyMinimisationLoss(AdaptationLoss):
    """Mean entropy of the target's predictions (MinEnt, in ADVENT, Vu et al. 2019).

    ``-1 / log C sum_c p_c log p_c``, averaged over pixels: 1 where nothing is known, 0 where all is certain. Its
    gradient reaches the whole network through the target's logits; it owns no network.
    """

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: not used.
            target: the unlabelled batch; its logits are BCHW.
            network: not used.

        Returns:
            the mean entropy, a scalar in 0..1.
        """
        log_probability = log_softmax(target.logits, dim=1)
        entropy = -(log_probability.exp() * log_probability).sum(dim=1)
        return entropy.mean() / math.log(target.logits.shape[1])
