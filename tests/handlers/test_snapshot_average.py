"""The mean of the later snapshots as the last step of a training."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from mani_monai.handlers import SnapshotAverageHandler
from mani_monai.utils import InputError


def finish(folder, network: nn.Module) -> nn.Module:
    engine = Engine(lambda *_: None)
    SnapshotAverageHandler(network, str(folder)).attach(engine)
    engine.run([0])
    return network


def save(folder, values) -> None:
    (folder / "snapshots").mkdir()
    for number, value in enumerate(values, start=1):
        torch.save({"weight": torch.tensor([[value]])}, folder / "snapshots" / f"iteration_{number:06d}.pt")


@pytest.mark.parametrize(
    ("values", "mean"), [((9.0, 1.0, 3.0, 8.0), 5.5), ((9.0, 1.0, 3.0), 2.0), ((4.0, 2.0, 6.0, 1.0, 5.0), 4.0)]
)
def test_the_network_gets_the_mean_of_the_second_half(tmp_path, values, mean):
    save(tmp_path, values)
    assert finish(tmp_path, nn.Linear(1, 1, bias=False)).weight.item() == pytest.approx(mean)


@pytest.mark.parametrize("values", [(), (7.0,)])
def test_too_few_leave_the_last_iterate(tmp_path, values):
    save(tmp_path, values)
    network = nn.Linear(1, 1, bias=False)
    before = network.weight.item()
    assert finish(tmp_path, network).weight.item() == before


def test_snapshots_of_another_network_are_named(tmp_path):
    save(tmp_path, (1.0, 2.0, 3.0))
    with pytest.raises(InputError, match="holds another network"):
        finish(tmp_path, nn.Linear(2, 1, bias=False))
