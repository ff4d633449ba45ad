"""Sample numbers as a function of the iteration and the rank."""

from __future__ import annotations

import ignite.distributed as idist
import pytest

from mani_monai.data.samplers import IterationBatchSampler


def batches(monkeypatch, rank: int, ranks: int, batch_size: int, start: int = 0) -> list[list[int]]:
    monkeypatch.setattr(idist, "get_rank", lambda: rank)
    monkeypatch.setattr(idist, "get_world_size", lambda: ranks)
    sampler = IterationBatchSampler(batch_size, iterations=5)
    sampler.start = start
    assert len(sampler) == 5 - start
    return list(sampler)


def test_one_rank_counts_through(monkeypatch):
    assert batches(monkeypatch, 0, 1, 3) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13, 14]]


@pytest.mark.parametrize("start", [0, 2, 4])
def test_start_drops_what_is_done(monkeypatch, start):
    assert batches(monkeypatch, 1, 2, 3, start) == batches(monkeypatch, 1, 2, 3)[start:]


def test_a_further_walk_has_samples_of_its_own(monkeypatch):
    monkeypatch.setattr(idist, "get_world_size", lambda: 1)
    sampler = IterationBatchSampler(2, iterations=3)
    first = list(sampler)
    sampler.start = 3
    assert list(sampler) == [[6, 7], [8, 9], [10, 11]]
    sampler.start = 4
    assert list(sampler) == [[8, 9], [10, 11]]
    assert first == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 6])
def test_ranks_share_the_same_samples_iteration_by_iteration(monkeypatch, ranks):
    """However many ranks divide 12 images: an iteration sees the same ones, each once."""
    of_ranks = [batches(monkeypatch, rank, ranks, 12 // ranks) for rank in range(ranks)]
    for iteration, parts in enumerate(zip(*of_ranks, strict=True)):
        assert sorted(number for part in parts for number in part) == list(range(12 * iteration, 12 * (iteration + 1)))


def test_can_be_walked_twice(monkeypatch):
    monkeypatch.setattr(idist, "get_world_size", lambda: 1)
    sampler = IterationBatchSampler(2, iterations=3)
    assert list(sampler) == list(sampler)


@pytest.mark.parametrize(("name", "value"), [("batch_size", 0), ("iterations", -1)])
def test_options_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be >= 1, got {value}"):
        IterationBatchSampler(**{"batch_size": 1, "iterations": 1, name: value})
