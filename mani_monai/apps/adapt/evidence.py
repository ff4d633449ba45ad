"""What is known of two models without a single target label."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mani_monai.apps.adapt.nuclei_figures import NucleiFigures
from mani_monai.evaluation.label_free_scorer import PLAUSIBLE_SHARES


@dataclass(frozen=True)
class Evidence:
    """What is known of the two models without target labels.

    Attributes:
        finite: whether all values of the adapted weights, and of their answers, are finite.
        scores_before: the source model's label-free scores on the target.
        scores_after: the adapted model's.
        before: nuclei that the source model finds in target images.
        after: nuclei that the adapted model finds in the same images, in the same order.
        source: nuclei of the source's labels; None where nobody has them.
        agreement: Dice of the masks before with those after.
        trained: whether weights were trained, so that label-free scores may be flattered; False of statistics alone.
    """

    finite: bool
    scores_before: Mapping[str, float]
    scores_after: Mapping[str, float]
    before: NucleiFigures
    after: NucleiFigures
    source: NucleiFigures | None
    agreement: float
    trained: bool = True

    @property
    def source_model_failed(self) -> bool:
        """Whether the source model finds an implausible share of nuclei, or has scores that are not finite.

        There is nothing to compare with then.
        """
        return not plausible(self.before.share) or not all_finite(self.scores_before)

    @property
    def references(self) -> list[NucleiFigures]:
        """What the adapted model's nuclei are held against."""
        return [self.before, *([] if self.source is None else [self.source])]


def all_finite(scores: Mapping[str, float]) -> bool:
    """Whether all scores are finite numbers."""
    return all(math.isfinite(score) for score in scores.values())


def plausible(share: float) -> bool:
    """Whether a share of nuclei among the pixels is one that tissue can have."""
    low, high = PLAUSIBLE_SHARES
    return low <= share <= high


def factor(one: float, other: float) -> float:
    """How many times the larger of two figures is the smaller one; 1 for two noughts, infinite for one."""
    low, high = sorted((one, other))
    return 1.0 if high == low else high / low if low > 0 else float("inf")
