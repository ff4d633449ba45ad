"""When the teacher is renewed, with what, and that a resumed training renews it at the same moments."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from mani_monai.handlers import TeacherRefreshHandler


def make_network(value: float = 0.0) -> nn.Sequential:
    network = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    nn.init.constant_(network[0].weight, value)
    return network


def training(
    interval: int, start: int, iterations: int, resumed: int = 0, state: dict | None = None
) -> tuple[list[int], dict]:
    """The network's weight is the number of iterations done. What the teacher's is in every iteration, and the states
    of both at the end."""
    network, seen = make_network(), []
    teacher = make_network(-1.0)

    def step(engine: Engine, batch: int) -> None:
        seen.append(int(teacher[0].weight.item()))
        nn.init.constant_(network[0].weight, engine.state.iteration)

    def resume(engine: Engine) -> None:
        if state is not None:
            network.load_state_dict(state["network"])
            teacher.load_state_dict(state["teacher"])
        engine.state.iteration = resumed

    trainer = Engine(step)
    trainer.add_event_handler(Events.STARTED, resume)
    TeacherRefreshHandler(teacher, network, interval, start).attach(trainer)
    trainer.run(range(iterations), max_epochs=1, epoch_length=iterations)
    return seen, deepcopy({"network": network.state_dict(), "teacher": teacher.state_dict()})


@pytest.mark.parametrize(
    ("interval", "start", "expected"),
    [
        (3, 2, [-1, -1, 2, 2, 2, 5, 5, 5, 8]),
        (4, 0, [0, 0, 0, 0, 4, 4, 4, 4, 8]),
        (1, 6, [-1, -1, -1, -1, -1, -1, 6, 7, 8]),
        (9, 9, [-1] * 9),
    ],
)
def test_when(interval, start, expected):
    assert training(interval, start, 9)[0] == expected


@pytest.mark.parametrize("stop", range(1, 9))
def test_a_resumed_training_has_the_same_teacher(stop):
    whole, _ = training(3, 2, 9)
    first, state = training(3, 2, stop)
    rest, _ = training(3, 2, 9, resumed=stop, state=state)
    assert first + rest == whole


def test_it_is_a_copy_batch_statistics_and_all():
    network, teacher = make_network(3.0), make_network()
    network(torch.rand(5, 1) + 4)
    copies = []
    trainer = Engine(lambda engine, batch: copies.append(deepcopy(teacher.state_dict())))
    TeacherRefreshHandler(teacher, network, 10).attach(trainer)
    trainer.run([0])
    for name, value in network.state_dict().items():
        assert torch.equal(copies[0][name], value), name
    assert network[1].running_mean.any()
    network(torch.rand(5, 1) + 9)
    nn.init.constant_(network[0].weight, 7.0)
    for name, value in teacher.state_dict().items():
        assert torch.equal(copies[0][name], value), name


def test_it_changes_neither_mode_nor_what_learns():
    network = make_network().train()
    teacher = make_network().eval().requires_grad_(False)
    trainer = Engine(lambda engine, batch: None)
    TeacherRefreshHandler(teacher, network, 1).attach(trainer)
    trainer.run([0])
    assert not teacher.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("interval", "start", "message"),
    [(0, 0, "interval must be >= 1, got 0"), (1, -2, "start must be >= 0, got -2")],
)
def test_options_are_checked(interval, start, message):
    with pytest.raises(ValueError, match=message):
        TeacherRefreshHandler(make_network(), make_network(), interval, start)
