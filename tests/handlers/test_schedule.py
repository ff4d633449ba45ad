"""A number as a function of the iteration."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from ignite.engine import Engine, Events

from mani_monai.handlers import ScheduleHandler


def values(schedule: str, value: float, start: int, length: int, iterations: int, resumed: int = 0) -> list[float]:
    """The attribute in every iteration of a training, or of one that goes on from an iteration."""
    target, seen = SimpleNamespace(weight=-1.0), []
    trainer = Engine(lambda engine, batch: seen.append(target.weight))
    ScheduleHandler(target, "weight", schedule, value, start, length).attach(trainer)
    trainer.add_event_handler(Events.STARTED, lambda engine: setattr(engine.state, "iteration", resumed))
    trainer.run(range(iterations), max_epochs=1, epoch_length=iterations)
    return seen


def test_linear_by_hand():
    assert values("linear", 2.0, 2, 4, 8) == [0, 0, 0.5, 1, 1.5, 2, 2, 2]


@pytest.mark.parametrize(
    ("schedule", "start", "middle", "end"),
    [
        ("linear", 0, 0.5, 1),
        ("sigmoid", math.exp(-5), math.exp(-1.25), 1),
        ("ganin", 0, 2 / (1 + math.exp(-5)) - 1, 2 / (1 + math.exp(-10)) - 1),
    ],
)
def test_start_middle_and_end(schedule, start, middle, end):
    seen = values(schedule, 10.0, 1, 4, 6)
    assert [seen[0], seen[2], seen[4]] == pytest.approx([10 * start, 10 * middle, 10 * end])
    assert seen[5] == seen[4]


def test_a_resumed_training_goes_on_with_the_same_numbers():
    assert values("sigmoid", 3.0, 1, 5, 8, resumed=3)[0] == values("sigmoid", 3.0, 1, 5, 8)[3]


def test_no_length_is_a_step():
    assert values("linear", 1.0, 2, 0, 4) == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "cosine"}, "schedule must be one of linear, sigmoid, ganin, got 'cosine'"),
        ({"attribute": "strength"}, "has no attribute 'strength'"),
        ({"start": -1}, "start and length must be >= 0, got -1 and 4"),
        ({"length": -4}, "start and length must be >= 0, got 1 and -4"),
    ],
)
def test_refuses(change, message):
    settings = {"attribute": "weight", "schedule": "linear", "value": 1.0, "start": 1, "length": 4}
    with pytest.raises(ValueError, match=message):
        ScheduleHandler(SimpleNamespace(weight=0.0), **settings | change)
