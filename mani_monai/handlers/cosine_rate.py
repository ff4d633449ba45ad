"""A learning rate that falls to zero along half a cosine."""

from __future__ import annotations

import math

from ignite.engine import Engine, Events
from torch.optim import Optimizer


class CosineRateHandler:
    """Sets the optimiser's learning rate from the iteration (Loshchilov & Hutter 2017).

    It is ``rate`` (1 + cos(pi progress)) / 2, a function of the iteration alone, so that a resumed training goes on
    with the same numbers. torch's ``CosineAnnealingLR`` has a state of its own to checkpoint.

    Args:
        optimizer: its groups all get the same rate.
        rate: the rate at the beginning.
        iterations: iterations of the training, at whose end the rate is 0.

    Raises:
        ValueError: when ``rate`` is negative or ``iterations`` < 1.
    """

    def __init__(self, optimizer: Optimizer, rate: float, iterations: int) -> None:
        if rate < 0:
            raise ValueError(f"rate must be >= 0, got {rate}.")
        if iterations < 1:
            raise ValueError(f"iterations must be >= 1, got {iterations}.")
        self.optimizer = optimizer
        self.rate = rate
        self.iterations = iterations

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: the trainer.
        """
        engine.add_event_handler(Events.ITERATION_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        progress = min((engine.state.iteration - 1) / self.iterations, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * (1 + math.cos(math.pi * progress)) / 2
