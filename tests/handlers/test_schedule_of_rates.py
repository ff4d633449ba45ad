"""The learning rate of an iteration."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine, Events

from mani_monai.handlers import CosineRateHandler


@pytest.fixture
def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1)) for _ in range(2)], lr=9.0)


def rate_at(optimizer, iteration: int) -> float:
    engine = Engine(lambda engine, batch: None)
    CosineRateHandler(optimizer, 2.0, 4).attach(engine)
    engine.state.iteration = iteration
    engine.fire_event(Events.ITERATION_STARTED)
    return optimizer.param_groups[0]["lr"]


def test_half_a_cosine_from_the_iteration_alone(optimizer):
    expected = {3: 1.0, 1: 2.0, 2: 1 + 2**-0.5, 4: 1 - 2**-0.5, 9: 0.0}
    assert {iteration: rate_at(optimizer, iteration) for iteration in expected} == pytest.approx(expected)


def test_a_training_is_given_its_rates(optimizer):
    seen = []
    engine = Engine(lambda engine, batch: seen.append(optimizer.param_groups[0]["lr"]))
    CosineRateHandler(optimizer, 2.0, 4).attach(engine)
    engine.run(range(4))
    assert seen == pytest.approx([2.0, 1 + 2**-0.5, 1.0, 1 - 2**-0.5])


@pytest.mark.parametrize("options", [(-1.0, 4), (1.0, 0)])
def test_what_makes_no_sense(optimizer, options):
    with pytest.raises(ValueError, match="must be"):
        CosineRateHandler(optimizer, *options)
