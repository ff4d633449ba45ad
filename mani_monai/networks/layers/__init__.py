from .batch_statistics import frozen_statistics
from .gradient_reversal import gradient_reversal
from .pooling import CellPooling, masked_max, masked_mean, masked_random

__all__ = [
    "CellPooling",
    "frozen_statistics",
    "gradient_reversal",
    "masked_max",
    "masked_mean",
    "masked_random",
]
