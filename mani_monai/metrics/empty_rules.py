"""What an image without nuclei scores: on PanNuke worth two points of PQ, so that no figure goes without its rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .panoptic_counts import PanopticCounts

HEADLINE_RULE = "skip_gt_empty"
BOTH_EMPTY = {"skip_both_empty": np.nan, "both_empty_1": 1.0, "both_empty_0": 0.0}
EMPTY_RULES = (HEADLINE_RULE, *BOTH_EMPTY)


def check_empty_rule(rule: str) -> None:
    """Raises a ValueError when there is no such rule."""
    if rule not in EMPTY_RULES:
        raise ValueError(f"empty_rule must be one of {EMPTY_RULES}, got {rule!r}.")


def apply_empty_rule(scores: ArrayLike, counts: PanopticCounts, rule: str) -> NDArray[np.float64]:
    """Scores with what the rule says where there is no nucleus; nan is an image left out.

    An image with nuclei in one map alone scores 0; "skip_gt_empty" leaves it out where the label is the empty one, so
    that its false positives cost nothing (PanNuke's own code).

    Args:
        scores: of each image, or of each image and class.
        counts: of the same shape.
        rule: "skip_gt_empty"; or, for images where both maps are empty, "skip_both_empty", "both_empty_1" or
            "both_empty_0".

    Returns:
        scores of the same shape.
    """
    if rule == HEADLINE_RULE:
        return np.where(counts.label_empty, np.nan, scores)
    return np.where(counts.both_empty, BOTH_EMPTY[rule], scores)
