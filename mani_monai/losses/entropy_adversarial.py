"""Adversarial alignment of the predictions' entropy, ADVENT."""

from __future__ import annotations

import math

from torch import Tensor

from mani_monai.losses.adaptation_loss import DomainBatch

from .adversarial import AdversarialLoss


def self_information(logits: Tensor) -> Tensor:
    """Weighted self-information ``-P log P / log C`` of every class at every pixel (ADVENT, section 3.3).

    Args:
        logits: BCHW.

    Returns:
        BCHW, >= 0; its sum over the classes is the entropy of a pixel, 1 where all classes are equally probable.
    """
    # From the logarithm itself, not from log(P + 1e-30): finite in value and gradient where P is 0.
    logarithm = logits.log_softmax(dim=1)
    return -logarithm.exp() * logarithm / math.log(logits.shape[1])


class EntropyAdversarialLoss(AdversarialLoss):
    """A discriminator tells the domains by how unsure the network is, and where (ADVENT, CVPR 2019).

    It sees the weighted self-information of background and nuclei. A network is sure on the source, where it is
    taught: fooling makes it as sure, in the same places of an image, on the target. The authors': a
    ``PatchDiscriminator`` at the images' full size, fooling weight 0.001 on the output.

    Args:
        discriminator: B2HW maps to scores.
        fooling_weight: factor of the fooling term.
        smoothing: label smoothing of the source in the discriminator's term.
        weight: factor of the whole.
    """

    def maps(self, source: DomainBatch, target: DomainBatch) -> tuple[Tensor, Tensor]:
        """B2HW each, the weighted self-information."""
        return self_information(source.logits), self_information(target.logits)
