"""Adaptation from image-level pseudo-labels and class-wise features (Paul-style)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from mani_monai.losses.adaptation_loss import AdaptationLoss, DomainBatch

from .adversarial import SOURCE, TARGET, through_constant_weights

CLASSES = 2  # background, nuclei


def image_scores(logits: Tensor) -> Tensor:
    """Image-level logit of each class: a smooth maximum over the pixels, ``logsumexp(z_c) - log(HW)``.

    Args:
        logits: BCHW.

    Returns:
        BC, between the mean and the maximum of a class's logits; their sigmoid is the score p_c of Paul et al. (2020).
    """
    return logits.flatten(2).logsumexp(dim=2) - math.log(logits[0, 0].numel())


def class_features(logits: Tensor, features: Tensor) -> Tensor:
    """One vector an image and class: features averaged with the spatial softmax of the class's detached logits.

    Args:
        logits: BCHW, no gradient goes to them.
        features: BKHW.

    Returns:
        BCK, F_c of Paul et al. (2020).
    """
    attention = logits.detach().flatten(2).softmax(dim=2)
    return attention @ features.flatten(2).transpose(1, 2)


def make_discriminator(channels: int) -> nn.Sequential:
    """Three linear layers with ReLU between, from a vector of ``channels`` numbers to one: F-F-F-1."""
    layers = [nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(channels, 1))


class ClassDiscriminators(nn.ModuleList):
    """A discriminator a class, each for its own class's vectors.

    Args:
        channels: K, length of a vector.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(make_discriminator(channels) for _ in range(CLASSES))

    def forward(self, vectors: Tensor) -> Tensor:
        """BC scores (logits of "this is source") of BCK vectors."""
        pairs = zip(self, vectors.unbind(dim=1), strict=True)
        return torch.cat([discriminator(vector) for discriminator, vector in pairs], dim=1)


def mean_cross_entropy(scores: Tensor, domain: float, present: Tensor) -> Tensor:
    """Binary cross-entropy of BC scores (logits) with one domain's label over the present classes; 0 without any."""
    losses = binary_cross_entropy_with_logits(scores, torch.full_like(scores, domain), reduction="none")
    return (losses * present).sum() / present.sum().clamp(min=1)


class WeakLabelLoss(AdaptationLoss):
    """Image-level pseudo-labels and class-wise alignment on the target (Paul-style; Paul et al., ECCV 2020).

    ``weak_weight x L_weak + alignment_weight x L_fooling + L_discriminator``

    - L_weak: a class whose image-level score is above ``threshold`` is taken to be in the target image, every other
      not; cross-entropy of the scores, computed anew from logits with dropout, with these labels.
    - L_fooling: one discriminator a class scores the class's feature vector of a target image, and should say source.
      It counts for the classes that the pseudo-labels find.
    - L_discriminator: half of each domain's cross-entropy, on detached vectors. On the source a class counts that the
      label holds.

    The features of the target, and with them decoder and encoder, learn from the fooling term; the target's logits,
    and with them the head too, from L_weak; the discriminators from their own term alone; nothing here moves the
    features of the source.

    Known (the authors' code): scores, dropout, attention, discriminators, halves, threshold and both weights. Chosen:
    background and nuclei as the two classes, and the 64 channels at HoVer-Net's nuclei head as features, where the
    paper has a ResNet's last 2048; any pixel of a class is presence on the source, where it compares with counted
    averages; cross-entropy on logits in place of clamped scores; means over images and classes; one optimiser, so the
    discriminators learn at the network's rate. Left out: the discriminator of output maps, translated source images
    and the limit on the gradient's norm. Background and nuclei are in almost every image, so that L_weak says little
    and the alignment is what adapts.

    Args:
        channels: K, channels of the features that enter the segmentation head.
        weight: factor of the term in the total loss.
        weak_weight: of L_weak.
        alignment_weight: of L_fooling.
        threshold: score above which a class is taken to be in an image.
        dropout: share of the target's logits that L_weak leaves out.

    Raises:
        ValueError: when a weight is negative, ``threshold`` is not in (0, 1) or ``dropout`` not in [0, 1).
    """

    def __init__(
        self,
        channels: int,
        weight: float = 1.0,
        weak_weight: float = 0.01,
        alignment_weight: float = 0.001,
        threshold: float = 0.2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(weight)
        for name, value in {"weak_weight": weak_weight, "alignment_weight": alignment_weight}.items():
            if value < 0:
                raise ValueError(f"{name} must be >= 0, got {value}.")
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must be > 0 and < 1, got {threshold}.")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be >= 0 and < 1, got {dropout}.")
        self.weak_weight = weak_weight
        self.alignment_weight = alignment_weight
        self.threshold = threshold
        self.dropout = nn.Dropout(dropout)
        self.discriminators = ClassDiscriminators(channels)

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: the labelled batch.
            target: the unlabelled batch.
            network: not used.

        Returns:
            the weighted sum of the three terms, a scalar >= 0.
        """
        found = (image_scores(target.logits.detach()).sigmoid() > self.threshold).float()
        labelled = torch.stack([source.has_background, source.has_nuclei], dim=1).float()
        weak = binary_cross_entropy_with_logits(image_scores(self.dropout(target.logits)), found)

        source_vectors = class_features(source.logits, source.features.detach())
        target_vectors = class_features(target.logits, target.features)
        # else the fooling term would teach the discriminators the wrong domain
        fooled = through_constant_weights(self.discriminators, target_vectors)
        fooling = mean_cross_entropy(fooled, SOURCE, found)
        discrimination = (
            mean_cross_entropy(self.discriminators(source_vectors), SOURCE, labelled)
            + mean_cross_entropy(self.discriminators(target_vectors.detach()), TARGET, found)
        ) / 2
        return self.weak_weight * weak + self.alignment_weight * fooling + discrimination
