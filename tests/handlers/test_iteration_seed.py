"""Random states as a function of seed, iteration and rank."""

from __future__ import annotations

import random

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events

from mani_monai.handlers import IterationSeedHandler


def draws(seed: int = 0, iterations: int = 4, noise: int = 0) -> list[tuple[float, float, float]]:
    """What torch, numpy and random draw in every iteration, with ``noise`` further draws between iterations."""
    drawn = []
    engine = Engine(lambda engine, batch: drawn.append((torch.rand(()).item(), np.random.rand(), random.random())))
    IterationSeedHandler(seed).attach(engine)
    engine.add_event_handler(
        Events.ITERATION_COMPLETED, lambda: [torch.rand(1), np.random.rand(noise), random.random()] if noise else None
    )
    engine.run(range(iterations), max_epochs=1)
    return drawn


def test_draws_are_those_of_the_iteration():
    assert draws() == draws(noise=5)
    assert draws(iterations=2) == draws()[:2]


def test_every_iteration_and_seed_draws_anew():
    values = [value for seed in range(3) for iteration in draws(seed) for value in iteration]
    assert len(set(values)) == len(values) == 3 * 4 * 3


def test_every_rank_draws_its_own(monkeypatch):
    of_rank = []
    for rank in range(2):
        monkeypatch.setattr(idist, "get_rank", lambda rank=rank: rank)
        of_rank.append(draws())
    assert of_rank[0] != of_rank[1]
