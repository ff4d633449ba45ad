"""Which weights are kept as a training's best."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from mani_monai.handlers import BestModelHandler
from mani_monai.utils.files import load_tensors


@pytest.fixture
def network() -> nn.Module:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    return network


def weight(path) -> float:
    return float(load_tensors(path)["weight"])


def test_best_model_is_the_one_with_the_highest_score(network, tmp_path):
    path = tmp_path / "model_source_val.pt"
    handler = BestModelHandler(network, str(path))
    evaluator = Engine(lambda engine, score: engine.state.metrics.update(dice=torch.tensor(score)))
    handler.attach(evaluator)
    evaluator.state.key_metric_name = "dice"
    kept = []
    for score in (0.4, 0.3, 0.6, 0.6, 0.5):
        network.weight.data += 1
        evaluator.run([score])
        kept.append(weight(path))
    assert kept == [1, 1, 3, 3, 3], "the first of two equals is kept"
    other = BestModelHandler(network, str(path))
    other.load_state_dict(handler.state_dict())
    assert other.score == pytest.approx(0.6)
    assert isinstance(handler.state_dict()["score"], float)


def test_the_first_model_is_kept_where_nothing_can_be_scored(network, tmp_path):
    """So that a finished run has one; any score beats it."""
    path = tmp_path / "model_source_val.pt"
    handler = BestModelHandler(network, str(path))
    evaluator = Engine(lambda engine, score: engine.state.metrics.update(pq=score))
    handler.attach(evaluator)
    evaluator.state.key_metric_name = "pq"
    kept = []
    for score in (float("nan"), float("nan"), 0.0, float("nan")):
        network.weight.data += 1
        evaluator.run([score])
        kept.append(weight(path))
    assert kept == [1, 1, 3, 3]
    assert handler.state_dict() == {"score": 0}
