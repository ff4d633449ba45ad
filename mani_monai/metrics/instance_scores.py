"""Dice, AJI, AJI+, DQ, SQ and PQ of a pair of instance maps."""

from __future__ import annotations

from dataclasses import dataclass

from .aggregated_jaccard import compute_aji, compute_aji_plus
from .arithmetic import ratio
from .overlap_table import InstanceMap, OverlapTable, compute_overlap_table
from .panoptic_counts import PanopticCounts, compute_panoptic_counts

FIGURES = ("dice", "aji", "aji_plus", "dq", "sq", "pq")


@dataclass(frozen=True, eq=False)
class InstanceScores:
    """Scores of one image, and the counts behind its panoptic quality."""

    dice: float
    aji: float
    aji_plus: float
    counts: PanopticCounts

    def figures(self) -> dict[str, float]:
        """The six figures by name."""
        panoptic = {name: float(getattr(self.counts, name)) for name in ("dq", "sq", "pq")}
        return {"dice": self.dice, "aji": self.aji, "aji_plus": self.aji_plus, **panoptic}


def compute_dice(table: OverlapTable) -> float:
    """Dice of nuclei and background: twice the pixels that are nuclei in both maps, over those of either map.

    Args:
        table: overlaps of prediction and label.

    Returns:
        0 to 1; 0 where one map is empty; nan where both are.
    """
    return float(ratio(2 * table.intersection.sum(), table.label_areas.sum() + table.prediction_areas.sum()))


def compute_instance_scores(prediction: InstanceMap, label: InstanceMap) -> InstanceScores:
    """All scores of one image from one table.

    Args:
        prediction: HxW ids of any integer type, 0 is background.
        label: HxW ids, likewise.

    Returns:
        scores and counts.

    Raises:
        ValueError: when a map is not HxW of integers >= 0, or the shapes differ.
    """
    table = compute_overlap_table(prediction, label)
    return InstanceScores(
        compute_dice(table), compute_aji(table), compute_aji_plus(table), compute_panoptic_counts(table)
    )


def compute_instance_metrics(prediction: InstanceMap, label: InstanceMap) -> dict[str, float]:
    """Dice, AJI, AJI+, DQ, SQ and PQ of one image, equal to hover_net's to 1e-6.

    Where both maps are empty there is nothing to score and all six are nan; where one is empty all are 0. (hover_net
    raises on most of these.) A matched pair has an IoU above 0.5.

    Args:
        prediction: HxW ids of any integer type, array or tensor; 0 is background; ids in any order, with gaps or not.
        label: HxW ids, likewise.

    Returns:
        "dice", "aji", "aji_plus", "dq", "sq" and "pq".

    Raises:
        ValueError: when a map is not HxW of integers >= 0, or the shapes differ.
    """
    return compute_instance_scores(prediction, label).figures()
