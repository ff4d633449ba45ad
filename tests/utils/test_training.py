"""Small pieces around the stock engines."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from mani_monai.inferers import AutocastInferer
from mani_monai.utils.training import announce_cost, loss_terms, prepare_hovernet_batch


def test_loss_terms_are_the_scalars_as_numbers():
    output = {
        "image": torch.zeros(2, 3, 4, 4),
        "pred": {"nucleus": torch.zeros(2, 2)},
        "loss": torch.tensor(1.5, requires_grad=True),
        "empty_pairs": torch.tensor(2),
        "mutual_information": torch.tensor(0.25),
    }
    assert loss_terms(output) == {"loss": 1.5, "empty_pairs": 2, "mutual_information": 0.25}


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5))


@pytest.mark.parametrize(
    ("iterations", "warmup", "batch_size", "crop_size", "duration"),
    [
        (120, 20, 1, 64, "7 min"),
        (120, 500, 1, 64, "4 min"),
        (1, 0, 1, 16, "1 min"),
        (1000, 100, 4, 256, "16.9 hours"),
    ],
)
def test_cost_is_measured_times_what_is_to_do(capsys, monkeypatch, iterations, warmup, batch_size, crop_size, duration):
    """An image of at most 128 px takes 2 s; a larger one by its area. Only after the warm-up come target images.

    Other processes slow two of three steps down.
    """
    clock = iter([0.0, 9.0, 10.0, 12.0, 20.0, 25.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    announce_cost(small_network(), AutocastInferer(), torch.device("cpu"), iterations, warmup, batch_size, crop_size)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert f"{iterations} iterations of {batch_size} images of " in line
    assert f"about {duration} here" in line
    assert ("from each domain" in line) is (warmup < iterations)
    assert ("quick" in line) is ("hours" in duration), "only somebody who would wait is told how not to"


def test_cost_leaves_the_network_alone():
    network = small_network().eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    announce_cost(network, AutocastInferer(), torch.device("cpu"), 1, 0, 1, 8)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())


def test_cost_is_not_told_on_a_gpu(capsys):
    announce_cost(small_network(), AutocastInferer(), torch.device("cuda"), 1, 0, 1, 8)
    assert capsys.readouterr().out == ""


class TwoBranches(nn.Module):
    """A network of one input size and an output of branches, as HoVer-Net is."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 2, 1)

    def forward(self, image):
        assert image.shape == (1, 3, 256, 256)
        return {"nucleus_prediction": self.layer(image), "horizontal_vertical": self.layer(image)}


def test_cost_of_a_network_with_a_size_and_branches(capsys, monkeypatch):
    clock = iter([10.0, 12.0] * 3)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    announce_cost(TwoBranches(), AutocastInferer(), torch.device("cpu"), 120, 20, 1, 256, probe_size=256)
    assert "about 7 min here" in capsys.readouterr().out


@pytest.mark.parametrize("typed", [False, True])
def test_hovernet_batch_names_labels_by_branch(typed):
    batch = {"image": torch.rand(1, 3, 8, 8), "label": torch.rand(1, 2, 4, 4), "hover_map": torch.rand(1, 2, 4, 4)}
    if typed:
        batch["type_map"] = torch.rand(1, 5, 4, 4)
    image, label = prepare_hovernet_batch({**batch, "target_image": torch.rand(1)}, "cpu", dtype=torch.float64)
    assert image.dtype == torch.float64
    branches = {"nucleus_prediction": "label", "horizontal_vertical": "hover_map", "type_prediction": "type_map"}
    assert label.keys() == {branch for branch, key in branches.items() if key in batch}
    assert all(torch.equal(label[branch], batch[branches[branch]].double()) for branch in label)
