"""Cyclic pseudo-labels in the HoVer-Net bundle: when the teacher is renewed, and that a resumed training ends alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from monai.engines.utils import IterationEvents
from trainings import assert_same_results, equal, keep_killed, run

from mani_monai.utils.files import load_tensors

TINY = {"adaptation_losses::domain_adversarial::channels": 64}
STOPS = (5, 7)
SURE_OF_MUCH = {"adaptation_losses::pseudo_labels::threshold": 0.55}


@pytest.fixture(scope="module")
def make(make_workflow):
    """A workflow of the overlay on source-only training."""

    def make_cyclic(folder, **overrides):
        overlays = ("source_only", "cyclic_pseudo_labels")
        return make_workflow(folder, *overlays, bundle="mani_hovernet", **{**TINY, **overrides})

    return make_cyclic


def states_by_iteration(workflow) -> list[tuple[dict, dict]]:
    """Runs it; for every iteration the network's state at its start and the teacher's when the losses are computed."""
    parser = workflow.parser
    network, teacher = (
        parser.get_parsed_content("network"),
        parser.get_parsed_content("adaptation")["pseudo_labels"].teacher,
    )
    before, after = [], []

    def copy(module, states):
        return lambda: states.append({name: value.clone() for name, value in module.state_dict().items()})

    trainer = parser.get_parsed_content("train::trainer")
    trainer.add_event_handler(Events.ITERATION_STARTED, copy(network, before))
    trainer.add_event_handler(IterationEvents.LOSS_COMPLETED, copy(teacher, after))
    run(workflow)
    return list(zip(before, after, strict=True))


def test_three_cycles_after_the_warm_up(make, tmp_path):
    """Warm-up of 2 in 9 iterations: cycles begin at the iterations 3, 6 and 9."""
    states = states_by_iteration(make(tmp_path, iterations=9, warmup=2))
    for iteration in range(3, 10):
        begin = 3 * (iteration // 3)
        assert equal(states[iteration - 1][1], states[begin - 1][0]), iteration
        assert equal(states[iteration - 1][1], states[iteration - 1][0]) == (iteration == begin)


@pytest.mark.parametrize(("iterations", "warmup", "interval"), [(100, 10, 31), (40, 8, 11), (4, 1, 2), (3, 3, 1)])
def test_cycles_by_the_length(make, tmp_path, iterations, warmup, interval):
    parser = make(tmp_path, iterations=iterations, warmup=warmup).parser
    refresh = parser.get_parsed_content("train::method_handlers")[1]
    assert (refresh.interval, refresh.start) == (interval, warmup)
    assert len(range(warmup, iterations, interval)) <= 3
    assert parser.get_parsed_content("adaptation")["pseudo_labels"].inferer is parser.get_parsed_content(
        "train::inferer"
    )


def test_a_teacher_learns_nothing_and_is_not_deployed(make, tmp_path):
    parser = make(tmp_path, iterations=4).parser
    trained = {id(value) for group in parser.get_parsed_content("optimizer").param_groups for value in group["params"]}
    losses = parser.get_parsed_content("adaptation")
    assert not any(id(value) in trained for value in losses["pseudo_labels"].teacher.parameters())
    assert all(id(value) in trained for value in losses["domain_adversarial"].parameters())
    assert parser.get_parsed_content("deployed") is parser.get_parsed_content("network")


CYCLES = {"iterations": 9, "warmup": 3, "learning_rate": 0.02, "rate_epochs": 20, **SURE_OF_MUCH}


@pytest.fixture(scope="module")
def whole(make, tmp_path_factory) -> Path:
    """A run that nothing cut off."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    workflow = make(folder, **CYCLES)
    for stop in STOPS:
        keep_killed(workflow, stop, folder.with_name(f"cut_{stop}"))
    outputs = run(workflow)
    assert all(output["pseudo_labels"] > 0 for output in outputs[3:]), "the teacher plays no part"
    return folder


@pytest.mark.parametrize("stop", STOPS)
def test_resumed_equals_uninterrupted(make, whole, stop):
    """Cut off in the middle of a cycle (checkpoint of iteration 4) and where one ends (of iteration 6)."""
    cut = whole.with_name(f"cut_{stop}")
    assert load_tensors(cut / "checkpoint.pt")["iteration"] == stop - 1
    run(make(cut, **CYCLES, resume=True))
    assert_same_results(cut, whole)
    states = load_tensors(whole / "checkpoint.pt")["adaptation"]
    assert any(name.startswith("pseudo_labels.teacher.") for name in states)


def test_pseudo_labels_are_learned_in_the_end(make, tmp_path):
    """Once the network is sure of something, the term is not 0 and moves the network."""
    settings = {"iterations": 40, "warmup": 30, "val_interval": 40, "learning_rate": 0.02, "rate_epochs": 40}
    outputs = run(make(tmp_path, **settings))
    assert not any("pseudo_labels" in output for output in outputs[:30])
    assert all(output["pseudo_labels"] > 0 for output in outputs[30:])
    assert torch.isfinite(torch.tensor([output["loss"] for output in outputs])).all()
