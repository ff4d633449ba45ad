from .instance_report import instance_report, print_instance_report, tissues_of
from .label_free_scorer import LabelFreeScorer, evenly_taken
from .predictions import PredictionWriter
from .selection import evaluate_selections, selection_table
from .weight_average import averaged_weights

__all__ = [
    "LabelFreeScorer",
    "PredictionWriter",
    "averaged_weights",
    "evaluate_selections",
    "evenly_taken",
    "instance_report",
    "print_instance_report",
    "selection_table",
    "tissues_of",
]
