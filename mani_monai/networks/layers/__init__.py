from .batch_statistics import frozen_statistics
from .pooling import CellPooling, masked_max, masked_mean, masked_random

__all__ = [
    "CellPooling",
    "frozen_statistics",
    "masked_max",
    "masked_mean",
    "masked_random",
]
