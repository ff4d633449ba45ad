from .aggregated_jaccard import compute_aji, compute_aji_plus
from .class_panoptic_metric import CLASS_COUNTS, ClassMetricsHandler, ClassPanopticMetric, compute_class_counts
from .empty_rules import EMPTY_RULES, apply_empty_rule
from .instance_metric import InstanceMetric, InstanceMetricsHandler
from .instance_scores import (
    FIGURES,
    InstanceScores,
    compute_dice,
    compute_instance_metrics,
    compute_instance_scores,
)
from .overlap_table import OverlapTable, compute_overlap_table
from .pannuke_scores import AGGREGATIONS, PanNukeScores, compute_pannuke_scores
from .panoptic_counts import PanopticCounts, compute_panoptic_counts

__all__ = [
    "AGGREGATIONS",
    "CLASS_COUNTS",
    "EMPTY_RULES",
    "FIGURES",
    "ClassMetricsHandler",
    "ClassPanopticMetric",
    "InstanceMetric",
    "InstanceMetricsHandler",
    "InstanceScores",
    "OverlapTable",
    "PanNukeScores",
    "PanopticCounts",
    "apply_empty_rule",
    "compute_aji",
    "compute_aji_plus",
    "compute_class_counts",
    "compute_dice",
    "compute_instance_metrics",
    "compute_instance_scores",
    "compute_overlap_table",
    "compute_pannuke_scores",
    "compute_panoptic_counts",
]
