"""Random states as a function of seed, iteration and rank."""

from __future__ import annotations

import random

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events


class IterationSeedHandler:
    """Seeds torch, numpy and random anew in every iteration from (seed, iteration, rank).

    A resumed run then draws what the uninterrupted one would have drawn, with nothing but the iteration restored.

    Args:
        seed: the run's seed.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: the trainer.
        """
        engine.add_event_handler(Events.ITERATION_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        entropy = np.random.SeedSequence([self.seed, engine.state.iteration, idist.get_rank()])
        seed = int(entropy.generate_state(1)[0])
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
