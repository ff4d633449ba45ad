"""Criteria by which weights, or batch statistics, are chosen where nobody has target labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

Name = TypeVar("Name")


@dataclass(frozen=True)
class Criterion:
    """A score without labels.

    Args:
        higher_is_better: whether a larger value speaks for the weights.
        meaning: what it is, for a table.
    """

    higher_is_better: bool
    meaning: str


CRITERIA = {
    "entropy": Criterion(False, "mean entropy of the softmax"),
    "information": Criterion(True, "entropy of an image's mean prediction minus the mean entropy of its pixels"),
    "symmetry": Criterion(True, "Dice of the masks of an image and of its turned and reflected copy"),
    "stain": Criterion(True, "Dice of the masks of an image and of its differently stained copies"),
    "density": Criterion(True, "soft neighbourhood density of the softmax"),
}
DEFAULT_CRITERION = "stain"

SHARE = "nuclei_share"
PLAUSIBLE_SHARES = (0.01, 0.75)
"""Least and largest share of pixels, over all images, that a prediction may call nuclei. Weights outside are chosen
only where there are no others: a network that calls everything background, or nuclei, is sure and consistent."""


def best_weights(scores: Mapping[Name, Mapping[str, float]], criterion: str = DEFAULT_CRITERION) -> Name:
    """The weights that a criterion prefers; the first of equals.

    Args:
        scores: what a ``LabelFreeScorer`` gives, by weights; those of a training that diverged, which are no numbers,
            are chosen only where there are no others.
        criterion: one of ``CRITERIA``.

    Raises:
        ValueError: when the criterion is unknown.
    """
    check_criterion(criterion)
    sign = 1 if CRITERIA[criterion].higher_is_better else -1
    low, high = PLAUSIBLE_SHARES

    def merit(name: Name) -> tuple[bool, bool, float]:
        score = scores[name][criterion]
        if not math.isfinite(score):
            return False, False, 0.0
        return True, low <= scores[name][SHARE] <= high, sign * score

    return max(scores, key=merit)


def check_criterion(criterion: str) -> None:
    """
    Raises:
        ValueError: when the criterion is unknown.
    """
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}, got {criterion!r}.")


def consistency(scores: Mapping[str, float]) -> float:
    """How far a network agrees with itself on copies in another stain and on turned copies: the mean of both."""
    return (scores["stain"] + scores["symmetry"]) / 2


def chosen_statistics(scores: Mapping[str, Mapping[str, float]]) -> str:
    """The candidate that is most consistent, of those whose share of nuclei is plausible; of equals the first.

    A network that calls everything nuclei is consistent, too. So a candidate outside of ``PLAUSIBLE_SHARES`` is chosen
    only where all are.

    Args:
        scores: what a ``LabelFreeScorer`` gives, by candidate, the least changed first.
    """
    low, high = PLAUSIBLE_SHARES

    def merit(name: str) -> tuple[bool, float]:
        found = consistency(scores[name])
        return low <= scores[name][SHARE] <= high, found if math.isfinite(found) else -math.inf

    return max(scores, key=merit)
