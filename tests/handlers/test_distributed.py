"""Averages over ranks, each rank a thread of this process; the slow tests run real processes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import ignite.distributed as idist
import pytest
import torch
from torch import nn

from mani_monai.handlers import RankAverageHandler
from mani_monai.losses import TargetSupportsLoss
from mani_monai.losses.class_pixels import ClassPixels


class Exchange:
    """An all-reduce between threads that waits until every one of them has come."""

    def __init__(self, ranks: int) -> None:
        self.barrier = threading.Barrier(ranks, timeout=300)
        self.given: dict[int, torch.Tensor] = {}

    def all_reduce(self, tensor: torch.Tensor) -> torch.Tensor:
        self.given[threading.get_ident()] = tensor.clone()
        self.barrier.wait()
        total = torch.stack(list(self.given.values())).sum(dim=0)
        self.barrier.wait()
        return total


@pytest.fixture
def average(monkeypatch):
    """Runs the handler on every rank's network and adaptation at once."""

    def average(ranks: list[tuple[nn.Module, nn.Module]]) -> None:
        monkeypatch.setattr(idist, "all_reduce", Exchange(len(ranks)).all_reduce)
        monkeypatch.setattr(idist, "get_world_size", lambda: len(ranks))
        with ThreadPoolExecutor(len(ranks)) as pool:
            calls = [pool.submit(RankAverageHandler(*modules), None) for modules in ranks]
        for call in calls:
            call.result()

    return average


def modules(rank: int) -> tuple[nn.Module, nn.Module]:
    """A network and an adaptation, both with batch statistics and gradients that name the rank."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(2))
    adaptation = nn.ModuleDict({"loss": nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))})
    for module in (network, adaptation):
        for buffer in module.buffers():
            buffer.fill_(rank)
        for number, parameter in enumerate(module.parameters()):
            parameter.grad = torch.full_like(parameter, 10.0 * number + rank)
    return network, adaptation


def test_gradients_and_statistics_are_the_mean(average):
    ranks = [modules(rank) for rank in (1, 2, 6)]
    average(ranks)
    for rank, (network, adaptation) in zip((1, 2, 6), ranks, strict=True):
        for number, parameter in enumerate(adaptation.parameters()):
            torch.testing.assert_close(parameter.grad, torch.full_like(parameter, 10.0 * number + 3))
        for number, parameter in enumerate(network.parameters()):
            assert torch.equal(parameter.grad, torch.full_like(parameter, 10.0 * number + rank)), "that is DDP's"
        for name, buffer in [*network.named_buffers(), *adaptation.named_buffers()]:
            expected = rank if name.endswith("num_batches_tracked") else 3
            torch.testing.assert_close(buffer, torch.full_like(buffer, expected))


def test_a_rank_without_gradients_counts_as_zero(average):
    """All of its pairs were empty, and so the discriminator was not asked."""
    ranks = [modules(rank) for rank in (2, 4)]
    for parameter in list(ranks[1][1].parameters())[:2]:
        parameter.grad = None
    average(ranks)
    for _, adaptation in ranks:
        values = [float(parameter.grad.unique()) for parameter in adaptation.parameters()]
        assert values == [1, 6, 23, 33]


def test_what_no_rank_trains_stays_without_gradient(average):
    """Else Adam would count steps in the warm-up."""
    ranks = [modules(rank) for rank in (2, 4)]
    for _, adaptation in ranks:
        for parameter in adaptation.parameters():
            parameter.grad = None
    average(ranks)
    assert all(parameter.grad is None for _, adaptation in ranks for parameter in adaptation.parameters())
    assert all(torch.equal(network[1].running_mean, torch.full((2,), 3.0)) for network, _ in ranks)


def test_a_class_that_one_rank_has_seen_is_known_to_all(average):
    """A rank whose crops have no sure nucleus counted as a mean of nought, and alone left the term out."""
    losses = [TargetSupportsLoss(2, nn.Identity(), dimensions=2) for _ in range(2)]
    losses[0].means[1, 1] = torch.tensor([0.0, 1.0])
    losses[0].filled[1, 1] = True
    for loss, mean in zip(losses, ([1.0, 0.0], [0.0, 1.0]), strict=True):
        loss.means[1, 0] = torch.tensor(mean)
        loss.filled[1, 0] = True
    average([(nn.Conv2d(1, 1, 1), loss) for loss in losses])
    for loss in losses:
        assert loss.filled.tolist() == [[False, False], [True, True]]
        background = ClassPixels(torch.tensor([[0.6, -0.8]]), torch.tensor([0]))
        held, seen = torch.full((2,), 0.5**0.5), torch.tensor([0.6, -0.8])
        expected = torch.stack([nn.functional.normalize(held + seen, dim=0), torch.tensor([0.0, 1.0])])
        torch.testing.assert_close(loss._prototypes(background, 1), expected)


def test_source_only_has_statistics_alone(average):
    ranks = [(modules(rank)[0], nn.ModuleDict()) for rank in (2, 4)]
    average(ranks)
    assert all(torch.equal(network[1].running_var, torch.full((2,), 3.0)) for network, _ in ranks)


def test_a_network_without_statistics_is_left_alone(average):
    networks = [nn.Conv2d(1, 1, 1) for _ in range(2)]
    before = [deepcopy(network.state_dict()) for network in networks]
    average([(network, nn.ModuleDict()) for network in networks])
    for network, state in zip(networks, before, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
