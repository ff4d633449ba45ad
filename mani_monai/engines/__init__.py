from .instance_report import instance_report, print_instance_report, tissues_of
from .selection import evaluate_selections, selection_table
from .utils import announce_cost, loss_terms, prepare_hovernet_batch

__all__ = [
    "announce_cost",
    "evaluate_selections",
    "instance_report",
    "loss_terms",
    "prepare_hovernet_batch",
    "print_instance_report",
    "selection_table",
    "tissues_of",
]
