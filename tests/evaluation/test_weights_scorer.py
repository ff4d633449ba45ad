"""What weights in files score, and how often they are asked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mani_monai.evaluation.weights_scorer import WeightsScorer, scores_of
from mani_monai.utils import InputError
from mani_monai.utils.files import save_atomically


class Evaluator:
    """Stands for a MONAI evaluator of two images: the loaded weight, and what has no score."""

    def __init__(self, network: nn.Module) -> None:
        self.network, self.runs = network, 0
        self.state = SimpleNamespace(metric_details={})

    def run(self) -> None:
        self.runs += 1
        weight = self.network.weight.item()
        details = {"dice": [[weight], [2 * weight]], "pq": [float("nan"), 1.0], "counts": [[3, 1], [0, 2]]}
        self.state.metric_details = {name: torch.tensor(values) for name, values in details.items()}


@pytest.fixture
def network() -> nn.Module:
    return nn.Linear(1, 1, bias=False)


@pytest.fixture
def files(tmp_path):
    """Two files of equal weights and one of others."""
    for name, value in {"a": 1.0, "b": 1.0, "c": 3.0}.items():
        save_atomically({"weight": torch.full((1, 1), value)}, tmp_path / f"{name}.pt")
    return {name: tmp_path / f"{name}.pt" for name in "abc"}


def test_scores_are_numbers_lists_of_them_or_none(network):
    found = scores_of(Evaluator(network), network, {"weight": torch.full((1, 1), 2.0)}, "a.pt")
    assert found == {"dice": [2.0, 4.0], "pq": [None, 1.0], "counts": [[3, 1], [0, 2]]}


def test_equal_weights_are_scored_once(network, files):
    evaluator = Evaluator(network)
    score = WeightsScorer(network, evaluator, None)
    first, second, other = (score([files[name]]) for name in "abc")
    assert first is second
    assert evaluator.runs == 2
    assert first.digest != other.digest
    assert (first.test["dice"], other.test["dice"]) == ([1, 2], [3, 6])
    assert first.label_free == {}


def test_several_files_are_scored_as_their_mean(network, files):
    assert WeightsScorer(network, Evaluator(network), None)([files["a"], files["c"]]).test["dice"] == [2, 4]


def test_without_labels_the_same_weights_are_scored(network, files):
    score = WeightsScorer(network, Evaluator(network), lambda: {"stain": network.weight.item()})
    assert [score([files[name]]).label_free for name in "ac"] == [{"stain": 1}, {"stain": 3}]


def test_another_networks_file_is_named(files):
    network = nn.Linear(2, 1, bias=False)
    with pytest.raises(InputError, match=r"c\.pt: holds another network"):
        WeightsScorer(network, Evaluator(network), None)([files["c"]])
