"""Mutual information between source and target nuclei, the loss of MaNi."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import softplus

from ..networks.blocks import ConcatDiscriminator, ProjectionHead
from ..networks.layers import masked_max, masked_mean, masked_random
from .adaptation import AdaptationLoss, DomainBatch, usable_pairs

POOLINGS = {"mean": masked_mean, "max": masked_max, "random": masked_random}


def jensen_shannon_mi(positive: Tensor, negative: Tensor) -> Tensor:
    """Jensen-Shannon lower bound on mutual information, up to a constant (MaNi, equation 3).

    ``E[-softplus(-T(positive))] - E[softplus(T(negative))]``

    Args:
        positive: scores T of pairs from the joint distribution, any shape.
        negative: scores T of pairs from the product of the marginals, any shape.

    Returns:
        the bound, a scalar <= 0, to maximise; -2 ln 2 for a discriminator that knows nothing.
    """
    return -softplus(-positive).mean() - softplus(negative).mean()


class MutualInformationLoss(AdaptationLoss):
    """Negative mutual information between pooled features of source and target nuclei (MaNi, MICCAI 2022).

    Source nuclei come from the ground truth, target nuclei from the network's own prediction in this iteration, and
    source background is the negative. The features of both domains are projected and pooled; source image i is
    paired with target image i. Gradients reach the projection, the discriminator and, through the features of both
    domains, decoder and encoder; never the segmentation head, since the pseudo-label is hard.

    Args:
        channels: K, channels of the features that enter the segmentation head.
        weight: factor of the term in the total loss (table 3 of the paper: 1, 0.1, 0.01).
        pooling: "mean" (the method), "max" or "random" (table 4).
        samples: pixels drawn per image and class where ``pooling`` is "random", scored one by one.
        hidden: width of the discriminator.
        projection: whether features pass the projection head (1x1 convolution, BatchNorm, ReLU) before pooling.
        skip_empty: leave out pairs in which source nuclei, source background or target nuclei are empty. False
            keeps the zero vector that the authors' code pools from an empty mask.

    Raises:
        ValueError: when ``pooling`` is unknown or ``samples`` < 1.
    """

    def __init__(
        self,
        channels: int,
        weight: float = 1.0,
        pooling: str = "mean",
        samples: int = 4,
        hidden: int = 512,
        projection: bool = True,
        skip_empty: bool = True,
    ) -> None:
        super().__init__(weight)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, got {pooling!r}.")
        if samples < 1:
            raise ValueError(f"samples must be >= 1, got {samples}.")
        self.pooling = pooling
        self.samples = samples
        self.skip_empty = skip_empty
        self.projection = ProjectionHead(channels) if projection else nn.Identity()
        self.discriminator = ConcatDiscriminator(channels, hidden)

    def pool(self, features: Tensor, mask: Tensor) -> Tensor:
        """Pools BKHW features over a BHW mask to BNK vectors: N = 1, or ``samples`` where pooling is "random"."""
        if self.pooling == "random":
            return masked_random(features, mask, self.samples)
        return POOLINGS[self.pooling](features, mask).unsqueeze(1)

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: the labelled batch of B images.
            target: the unlabelled batch of B images.
            network: not used.

        Returns:
            the negative bound, a scalar >= 0; 0 where every pair is left out.
        """
        source_features = self.projection(source.features)
        target_features = self.projection(target.features)
        source_mask, target_mask = source.nuclei[:, 0], target.nuclei[:, 0]

        source_nuclei = self.pool(source_features, source_mask)
        source_background = self.pool(source_features, 1 - source_mask)
        target_nuclei = self.pool(target_features, target_mask)
        if self.skip_empty:
            kept = usable_pairs(source, target)
            if not kept.any():
                return (source_features.sum() + target_features.sum()) * 0
            source_nuclei, source_background = source_nuclei[kept], source_background[kept]
            target_nuclei = target_nuclei[kept]
        return -jensen_shannon_mi(
            self.discriminator(target_nuclei, source_nuclei), self.discriminator(target_nuclei, source_background)
        )
