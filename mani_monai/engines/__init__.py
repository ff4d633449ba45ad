from .selection import evaluate_selections, selection_table
from .utils import announce_cost, loss_terms, prepare_hovernet_batch

__all__ = ["announce_cost", "evaluate_selections", "loss_terms", "prepare_hovernet_batch", "selection_table"]
