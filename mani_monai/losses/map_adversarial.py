"""Adversarial alignment of maps: of predictions, of predictions with masks, of entropy."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

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
