from .instance_report import instance_report, print_instance_report, tissues_of
from .label_free_scorer import LabelFreeScorer, evenly_taken
from .predictions import PredictionWriter
from .selection import evaluate_selections, selection_table
from .training_record import (
    check_image_steps,
    read_training_record,
    write_training_record,
)
from .weight_average import averaged_weights

__all__ = [
    "LabelFreeScorer",
    "PredictionWriter",
    "averaged_weights",
    "check_image_steps",
    "evaluate_selections",
    "evenly_taken",
    "instance_report",
    "print_instance_report",
    "read_training_record",
    "selection_table",
    "tissues_of",
    "write_training_record",
]
