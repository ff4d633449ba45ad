"""Trainings against a discriminator on tiny networks: schedules, checkpoints, and methods together."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from trainings import assert_same_results, keep_killed, run, weights_equal

from mani_monai.utils.files import load_tensors

SETTINGS = {"iterations": 6, "warmup": 2, "val_interval": 2}
METHODS = {
    "grl": {"domain_adversarial"},
    "da_adv": {"mask_adversarial"},
    "cellseg_uda": {"output_adversarial", "reconstruction"},
    "advent": {"entropy_adversarial"},
}


def watch(workflow, entry) -> list:
    """What ``entry()`` gives at the end of every iteration of a workflow that is about to run."""
    seen = []
    trainer = workflow.parser.get_parsed_content("train::trainer")
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: seen.append(entry()))
    return seen


def test_the_reversals_strength_grows_after_the_warmup(make_workflow, tmp_path):
    workflow = make_workflow(tmp_path, "source_only", "grl", **SETTINGS)
    loss = workflow.parser.get_parsed_content("adaptation")["domain_adversarial"]
    strengths = watch(workflow, lambda: loss.strength)
    workflow.run()
    progress = [0, 0, 0.25, 0.5, 0.75, 1]
    assert strengths == pytest.approx([0.1 * (2 / (1 + math.exp(-10 * p)) - 1) for p in progress])


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Whole trainings by overlay."""
    return tmp_path_factory.mktemp("runs")


@pytest.mark.parametrize("overlay", METHODS)
def test_a_method_alone_and_resumed(make_workflow, runs, tmp_path, overlay):
    """Every network of the loss starts to learn with the end of the warm-up; a cut run ends as the whole one."""
    overlays = ("source_only", overlay)
    workflow = make_workflow(runs / overlay, *overlays, **SETTINGS)
    losses = workflow.parser.get_parsed_content("adaptation")
    assert set(losses) == METHODS[overlay]
    parameters = dict(losses.named_parameters())
    states = watch(workflow, lambda: {name: value.detach().clone() for name, value in parameters.items()})
    keep_killed(workflow, 5, tmp_path / "cut")
    run(workflow)
    assert weights_equal(states[0], states[1]), "warming up"
    moved = {name.split(".")[0] for name in parameters if not torch.equal(states[1][name], states[2][name])}
    assert moved == METHODS[overlay]

    assert load_tensors(tmp_path / "cut" / "checkpoint.pt")["iteration"] == 4
    make_workflow(tmp_path / "cut", *overlays, **SETTINGS, resume=True).run()
    assert_same_results(tmp_path / "cut", runs / overlay)


@pytest.mark.parametrize("overlay", METHODS)
def test_a_method_changes_the_network_only_after_the_warmup(make_workflow, runs, overlay):
    """Against the same training without a loss whose target pass moves the batch statistics alike."""
    for folder, overlays in {"target_statistics": ["target_statistics"], overlay: ["source_only", overlay]}.items():
        if not (runs / folder).exists():
            run(make_workflow(runs / folder, *overlays, **SETTINGS))
    for iteration, same in ((2, True), (4, False)):
        name = f"snapshots/iteration_{iteration:06}.pt"
        states = [dict(load_tensors(runs / folder / name)) for folder in ("target_statistics", overlay)]
        assert weights_equal(*states) is same, f"at {iteration}"


def test_methods_add_up(make_workflow, tmp_path):
    outputs = run(make_workflow(tmp_path, *METHODS, iterations=2, warmup=1))
    names = set().union(*METHODS.values())
    assert set(outputs[1]) == {"loss", "segmentation", "empty_pairs", "mutual_information", *names}
