from .masked_pooling import masked_max, masked_mean, masked_random

__all__ = ["masked_max", "masked_mean", "masked_random"]
