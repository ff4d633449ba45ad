"""Adversarial alignment of predictions, the first part of CellSegUDA."""

from __future__ import annotations

from torch import Tensor

from mani_monai.losses.adaptation_loss import DomainBatch

from .adversarial import AdversarialLoss


class OutputAdversarialLoss(AdversarialLoss):
    """A discriminator tells predictions for the source from predictions for the target (CellSegUDA, MIDL 2020).

    It sees the map of the probability of nuclei. The segmentation head, decoder and encoder get the fooling term's
    gradient from the target alone. The authors': a ``PatchDiscriminator``, fooling weight 0.001, no smoothing, rate
    1e-4 for the segmenter and 1e-3 for the discriminator.

    Args:
        discriminator: B1HW maps to scores.
        fooling_weight: factor of the fooling term.
        smoothing: label smoothing of the source in the discriminator's term.
        weight: factor of the whole.
    """

    def maps(self, source: DomainBatch, target: DomainBatch) -> tuple[Tensor, Tensor]:
        """B1HW each, the probability of nuclei."""
        return source.probability, target.probability
