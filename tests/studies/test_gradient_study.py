"""The norms of a run's gradients, part by part, by hand and of a tiny run."""

from __future__ import annotations

import pytest
from torch import nn
from trainings import run

from mani_monai.utils import InputError
from studies.gradient_study import norms_by_part, study_gradients


def test_norms_and_their_angle_by_hand():
    network = nn.ModuleDict({"one": nn.Linear(2, 1, bias=False), "two": nn.Linear(1, 1, bias=False)})
    inner, outer = network["one"].weight, network["two"].weight
    found = norms_by_part(network, {"segmentation": 3 * inner[0, 0] + 4 * inner[0, 1], "critic": 5 * inner[0, 0]}, 1)
    assert found["one"] == pytest.approx({"segmentation": 5, "critic": 5, "cosine": 0.6})
    assert found["two"] == {"segmentation": 0, "critic": 0, "cosine": 0}
    assert found["all"] == pytest.approx(found["one"])
    found = norms_by_part(network, {"segmentation": outer.sum(), "critic": inner.sum(), "other": -outer.sum()}, 1)
    assert found["all"] == pytest.approx({"segmentation": 1, "critic": 2**0.5, "other": 1})


def test_the_weight_of_a_loss_is_in_its_gradient(make_workflow, tmp_path):
    run(make_workflow(tmp_path / "run", iterations=2, warmup=1))
    once = study_gradients(tmp_path / "run", {}, batches=2, depth=1)
    assert {"conv_0", "final_conv", "all"} <= once.keys()
    assert once["conv_0"]["mutual_information"] > 0
    assert once["final_conv"]["mutual_information"] == 0, "the term ends before the head"
    assert once["final_conv"]["segmentation"] > 0
    tenth = study_gradients(tmp_path / "run", {"adaptation_losses::mutual_information::weight": 0.1}, 2, 1)
    assert tenth["all"]["segmentation"] == pytest.approx(once["all"]["segmentation"])
    assert tenth["all"]["mutual_information"] == pytest.approx(once["all"]["mutual_information"] / 10, rel=1e-4)


def test_a_run_without_an_adaptation_loss(make_workflow, tmp_path):
    run(make_workflow(tmp_path / "run", "source_only", iterations=1, warmup=0))
    with pytest.raises(InputError, match="trained without an adaptation loss"):
        study_gradients(tmp_path / "run", {}, 1, 1)
