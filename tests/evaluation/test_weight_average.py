"""The mean of a training's later weights."""

from __future__ import annotations

import pytest
import torch

from mani_monai.evaluation.weight_average import averaged_weights, mean_state, second_half, snapshots_of
from mani_monai.utils import InputError
from mani_monai.utils.files import save_atomically


def test_mean_of_state_dictionaries(tmp_path):
    for number in (1, 2, 6):
        state = {"weight": torch.full((2,), float(number)), "batches": torch.tensor(number)}
        save_atomically(state, tmp_path / f"{number}.pt")
    mean = mean_state([tmp_path / f"{number}.pt" for number in (1, 2, 6)])
    assert torch.allclose(mean["weight"], torch.full((2,), 3.0))
    assert mean["batches"] == 6


def test_the_later_half_is_averaged(tmp_path):
    for place, number in enumerate((1, 2, 4, 8), 1):
        save_atomically({"weight": torch.tensor(float(number))}, tmp_path / "snapshots" / f"iteration_{place:06d}.pt")
    with pytest.raises(InputError, match="holds no finished training to average"):
        averaged_weights(tmp_path)
    save_atomically({}, tmp_path / "models/model.pt")
    assert averaged_weights(tmp_path)["weight"] == 6


@pytest.mark.parametrize(
    ("iterations", "late"),
    [
        (range(1, 11), range(6, 11)),
        (range(1, 6), range(3, 6)),
        ((1, 2), (2,)),
        ((), ()),
        ((*range(150, 1501, 150), *range(1800, 3001, 300)), range(1800, 3001, 300)),
    ],
    ids=["ten", "five", "two", "none", "a training of 1,500 iterations that went on to 3,000"],
)
def test_the_second_half_is_one_of_iterations(tmp_path, iterations, late):
    named = [tmp_path / f"iteration_{number:06d}.pt" for number in iterations]
    assert second_half(named) == [tmp_path / f"iteration_{number:06d}.pt" for number in late]


def test_one_snapshot_is_nothing_to_average(tmp_path):
    for place in ("models/model.pt", "snapshots/iteration_000001.pt"):
        save_atomically({"weight": torch.zeros(1)}, tmp_path / place)
    with pytest.raises(InputError, match="has 1 snapshot to average"):
        averaged_weights(tmp_path)


def test_the_course_of_a_million_iterations_is_in_order(tmp_path):
    """The numbers in the names have six digits up to there, and seven from there on."""
    paths = [tmp_path / "snapshots" / f"iteration_{number:06d}.pt" for number in (500, 999_500, 1_000_000)]
    for path in paths:
        save_atomically({}, path)
    assert snapshots_of(tmp_path) == paths
