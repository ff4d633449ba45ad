"""Which weights a training leaves along its way and at its end."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from mani_monai.handlers import SnapshotHandler
from mani_monai.utils.files import load_tensors


def count_up(network: nn.Module) -> None:
    """One step of a training that adds 1 to every weight."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 1


@pytest.fixture
def network() -> nn.Module:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    return network


def train(network: nn.Module, *handlers, iterations: int = 5) -> Engine:
    engine = Engine(lambda engine, batch: count_up(network))
    for handler in handlers:
        handler.attach(engine)
    engine.run(range(iterations), max_epochs=1, epoch_length=iterations)
    return engine


def weight(path) -> float:
    return float(load_tensors(path)["weight"])


def test_snapshots_come_every_interval_and_at_the_end(network, tmp_path):
    train(network, SnapshotHandler(network, str(tmp_path), interval=2))
    found = {path.name: weight(path) for path in (tmp_path / "snapshots").iterdir()}
    assert found == {"iteration_000002.pt": 2, "iteration_000004.pt": 4}
    assert weight(tmp_path / "models/model.pt") == 5


def test_last_weights_are_gone_while_another_training_is_on(network, tmp_path):
    train(network, SnapshotHandler(network, str(tmp_path), interval=3), iterations=3)
    for name in ("models/model_source_val.pt", "models/model_average.pt", "other.pt"):
        (tmp_path / name).touch()
    there = []
    engine = Engine(lambda engine, batch: there.append(sorted(path.name for path in tmp_path.glob("*.pt"))))
    SnapshotHandler(network, str(tmp_path), interval=3).attach(engine)
    engine.run(range(3), epoch_length=3)
    assert there == [["other.pt"]] * 3
    assert (tmp_path / "models/model.pt").exists()


def test_snapshots_of_a_longer_training_before_are_removed(network, tmp_path):
    train(network, SnapshotHandler(network, str(tmp_path), interval=1), iterations=6)
    train(network, SnapshotHandler(network, str(tmp_path), interval=2), iterations=4)
    found = {path.name: weight(path) for path in (tmp_path / "snapshots").iterdir()}
    assert found == {"iteration_000002.pt": 8, "iteration_000004.pt": 10}


def test_a_resumed_training_keeps_what_came_before_it(network, tmp_path):
    train(network, SnapshotHandler(network, str(tmp_path), interval=2), iterations=6)
    (tmp_path / "models/model_source_val.pt").touch()
    engine = Engine(lambda engine, batch: count_up(network))
    SnapshotHandler(network, str(tmp_path), interval=3).attach(engine)
    engine.add_event_handler(Events.STARTED, lambda: setattr(engine.state, "iteration", 5))  # as a checkpoint does
    engine.run([None] * 2, max_epochs=1, epoch_length=7)
    found = {path.name: weight(path) for path in (tmp_path / "snapshots").iterdir()}
    assert found == {"iteration_000002.pt": 2, "iteration_000004.pt": 4, "iteration_000006.pt": 7}
    assert (tmp_path / "models/model_source_val.pt").exists()


def test_interval_is_checked(network, tmp_path):
    with pytest.raises(ValueError, match=r"interval must be >= 1, got 0\."):
        SnapshotHandler(network, str(tmp_path), interval=0)
