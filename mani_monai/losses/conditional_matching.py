"""Features of each class are distributed alike in both domains: matching without a critic."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from .adaptation_loss import AdaptationLoss, DomainBatch

TINY = 1e-5


class ConditionalMatchingLoss(AdaptationLoss):
    """First and second moments of source and target features, class by class.

    ``sum_c |(mu_s,c - mu_t,c) / sigma_c|^2 / K + spread sum_c |log S_s,c - log S_t,c|^2 / K`` with S the variances of
    the channels and sigma_c^2 the mean of both, detached. The target's classes are its own soft prediction, detached.
    Known: it does not depend on the share of nuclei, unlike statistics of whole images (AdaBN).
    Chosen: diagonal covariances, spread .1, weight .02; layers before their activation.

    Args:
        weight: factor of the term in the total loss.
        spread: factor of the second moments.
        tap: name of the layer whose output is compared, one of the config's ``taps``; None: what enters the
            segmentation head.

    Raises:
        ValueError: when ``spread`` is negative.
    """

    def __init__(self, weight: float = 0.02, spread: float = 0.1, tap: str | None = None) -> None:
        super().__init__(weight)
        if spread < 0:
            raise ValueError(f"spread must be >= 0, got {spread}.")
        self.spread = spread
        self.tap = tap

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: the labelled batch.
            target: the unlabelled batch.
            network: not used.

        Returns:
            a scalar >= 0; a class that is missing in a domain is left out.
        """
        features = source.features_of(self.tap), target.features_of(self.tap)
        masks = source.nuclei, target.probability.detach().to(features[1].dtype)
        total = features[0].sum() * 0 + features[1].sum() * 0
        for inside in (False, True):
            moments = [_moments(f, m if inside else 1 - m) for f, m in zip(features, masks, strict=True)]
            if any(weight < 1 for *_, weight in moments):
                continue
            (source_mean, source_var, _), (target_mean, target_var, _) = moments
            scale = ((source_var + target_var) / 2).detach()
            total = total + ((source_mean - target_mean).square() / scale).mean()
            total = total + self.spread * (source_var.log() - target_var.log()).square().mean()
        return total


def _moments(features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, float]:
    """Mean and variance of each channel over the pixels that a mask weights, and the weight of all pixels."""
    if mask.shape[2:] != features.shape[2:]:
        mask = adaptive_avg_pool2d(mask, (features.shape[2], features.shape[3]))
    weight = mask.sum()
    mean = (features * mask).sum(dim=(0, 2, 3)) / weight.clamp(min=TINY)
    squares = (features - mean[:, None, None]).square() * mask
    return mean, squares.sum(dim=(0, 2, 3)) / weight.clamp(min=TINY) + TINY, weight.item()
