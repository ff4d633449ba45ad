"""Mutual information between source and target nuclei, the loss of MaNi, and what lies beyond it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from mani_monai.losses.adaptation_loss import AdaptationLoss, DomainBatch, usable_pairs

from ..networks.blocks import ConcatDiscriminator, ProjectionHead
from ..networks.layers import masked_max, masked_mean, masked_random
from .mutual_information_bounds import donsker_varadhan_mi, info_nce_mi, jensen_shannon_mi

POOLINGS = {"mean": masked_mean, "max": masked_max, "random": masked_random}
PAIRS = ("paper", "both_classes")
BOUNDS = {"jensen_shannon": jensen_shannon_mi, "donsker_varadhan": donsker_varadhan_mi, "info_nce": info_nce_mi}
OVER_BATCH = ("info_nce",)
"""Bounds that take as negatives the other class of every image of the batch, not of the paired image alone."""


class MutualInformationLoss(AdaptationLoss):
    """Negative mutual information between pooled features of source and target nuclei (MaNi, MICCAI 2022).

    Source nuclei come from the ground truth, target nuclei from the network's own prediction in this iteration, and
    source background is the negative. The features of both domains are projected and pooled; source image i is
    paired with target image i. Gradients reach the projection, the discriminator and, through the features of both
    domains, decoder and encoder; never the segmentation head, since the pseudo-label is hard.

    The defaults are the paper's. Beyond it are ``pairs``, ``bound``, ``discriminator``, ``confident``, ``tap`` and a
    component as ``pooling``: the paper's positives and negatives differ in the source vector, so a discriminator need
    not look at the target. With both classes of both domains each vector is as often in a positive as in a negative,
    and only the pair decides.

    Args:
        channels: K, channels of the features.
        weight: factor of the term in the total loss (table 3 of the paper: 1, 0.1, 0.01).
        pooling: "mean" (the method), "max" or "random" (table 4), or what pools BKHW features over a BHW mask to
            BNK vectors, e.g. a ``CellPooling``.
        samples: pixels drawn per image and class where ``pooling`` is "random", scored one by one.
        hidden: width of the discriminator.
        projection: whether features pass the projection head (1x1 convolution, BatchNorm, ReLU) before pooling.
        skip_empty: leave out pairs in which a mask that they need is empty: source nuclei, source background, target
            nuclei, and target background where ``pairs`` is "both_classes". False keeps the zero vector that the
            authors' code pools from an empty mask.
        pairs: "paper": target nuclei with source nuclei against target nuclei with source background;
            "both_classes": also target background with source background against target background with source nuclei.
        bound: "jensen_shannon" (the method), "donsker_varadhan", or "info_nce", whose negatives are the other class
            of every source image in the batch.
        discriminator: scores pairs of vectors, ``discriminator(target, source)``; by default a
            ``ConcatDiscriminator`` of ``hidden`` units.
        confident: weight the target's pixels by the predicted probability of their class, detached, in place of the
            hard mask.
        tap: name of the layer whose output is compared, one of the config's ``taps``; None: what enters the
            segmentation head (the method). Where it is coarser than the masks, a pixel of it counts by the share of
            its area that they cover. The layer has to see the image from border to border.

    Raises:
        ValueError: when ``pooling``, ``pairs`` or ``bound`` is unknown, ``samples`` < 1, or the largest value is to
            be weighted by confidence.
    """

    def __init__(
        self,
        channels: int,
        weight: float = 1.0,
        pooling: str | Callable[[Tensor, Tensor], Tensor] = "mean",
        samples: int = 4,
        hidden: int = 512,
        projection: bool = True,
        skip_empty: bool = True,
        pairs: str = "paper",
        bound: str = "jensen_shannon",
        discriminator: nn.Module | None = None,
        confident: bool = False,
        tap: str | None = None,
    ) -> None:
        super().__init__(weight)
        if not callable(pooling) and pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, got {pooling!r}.")
        if samples < 1:
            raise ValueError(f"samples must be >= 1, got {samples}.")
        if pairs not in PAIRS:
            raise ValueError(f"pairs must be one of {', '.join(PAIRS)}, got {pairs!r}.")
        if bound not in BOUNDS:
            raise ValueError(f"bound must be one of {', '.join(BOUNDS)}, got {bound!r}.")
        if confident and pooling == "max":
            raise ValueError("confident must be False where pooling is 'max', got True.")
        self.pooling = pooling
        self.samples = samples
        self.skip_empty = skip_empty
        self.pairs = pairs
        self.bound = bound
        self.confident = confident
        self.tap = tap
        self.projection = ProjectionHead(channels) if projection else nn.Identity()
        self.discriminator = ConcatDiscriminator(channels, hidden) if discriminator is None else discriminator

    def pool(self, features: Tensor, mask: Tensor) -> Tensor:
        """Pools BKhw features over a BHW mask to BNK vectors: N = 1, or ``samples`` where pooling is "random"."""
        if mask.shape[1:] != features.shape[2:]:
            mask = adaptive_avg_pool2d(mask, (features.shape[2], features.shape[3]))
        if callable(self.pooling):
            return self.pooling(features, mask)
        if self.pooling == "random":
            return masked_random(features, mask, self.samples)
        return POOLINGS[self.pooling](features, mask).unsqueeze(1)

    def target_mask(self, target: DomainBatch) -> Tensor:
        """BHW, how much each target pixel counts as nuclei."""
        mask = target.probability.detach().to(target.features.dtype) if self.confident else target.nuclei
        return mask[:, 0]

    def score(self, anchor: Tensor, same: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of pairs.

        Args:
            anchor: BNK, target vectors of a class.
            same: BNK, source vectors of the same class.
            other: BNK, source vectors of the other class.

        Returns:
            P = B x N scores of positives, and PxM scores of their negatives: M = 1, or P where the bound takes them
            from the whole batch.
        """
        positive = self.discriminator(anchor, same).flatten()
        if self.bound in OVER_BATCH:
            anchor, other = anchor.flatten(0, 1).unsqueeze(1), other.flatten(0, 1).unsqueeze(0)
            anchor, other = torch.broadcast_tensors(anchor, other)
        return positive, self.discriminator(anchor, other).reshape(len(positive), -1)

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: the labelled batch of B images.
            target: the unlabelled batch of B images.
            network: not used.

        Returns:
            the negative bound, a scalar, >= 0 where the bound is Jensen-Shannon's; 0 where every pair is left out.
        """
        source_features = self.projection(source.features_of(self.tap))
        target_features = self.projection(target.features_of(self.tap))
        source_mask, target_mask = source.nuclei[:, 0], self.target_mask(target)
        both_classes = self.pairs == "both_classes"

        kept = slice(None)
        if self.skip_empty:
            kept = usable_pairs(source, target, target_background=both_classes)
            if not kept.any():
                return (source_features.sum() + target_features.sum()) * 0
        source_nuclei = self.pool(source_features, source_mask)[kept]
        source_background = self.pool(source_features, 1 - source_mask)[kept]
        target_nuclei = self.pool(target_features, target_mask)[kept]
        positive, negative = self.score(target_nuclei, source_nuclei, source_background)
        if both_classes:
            target_background = self.pool(target_features, 1 - target_mask)[kept]
            scores = self.score(target_background, source_background, source_nuclei)
            positive, negative = torch.cat([positive, scores[0]]), torch.cat([negative, scores[1]])
        return -BOUNDS[self.bound](positive, negative)
