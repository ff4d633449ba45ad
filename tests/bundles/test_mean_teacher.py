"""Trainings with a teacher on tiny networks: what it averages, that it is what is kept, and resuming."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from trainings import assert_equal, assert_same_results, keep_killed, run, snapshots, weights_equal

from mani_monai.utils.files import load_tensors

SETTINGS = {"iterations": 6, "warmup": 1, "val_interval": 2, "checkpoint_interval": 2}
ALONE = [("source_only", name) for name in ("mean_teacher", "masked_consistency", "self_ensembling_uda")]
ALONE += [("mani2",), ("self_training",)]
ON_TOP_OF_MANI = [("mean_teacher", "stain_augmentation")]
AVERAGED = [("target_statistics", "weight_average"), ("mani2_control",)]


def trained(make_workflow, folder: Path, *overlays: str) -> tuple[list[dict], list[dict]]:
    """The trainer's outputs and the network's states, before the first iteration and after each."""
    workflow = make_workflow(folder, *overlays, **SETTINGS)
    network = workflow.parser.get_parsed_content("network")
    states = [{name: value.clone() for name, value in network.state_dict().items()}]
    workflow.parser.get_parsed_content("train::trainer").add_event_handler(
        Events.ITERATION_COMPLETED,
        lambda: states.append({name: value.clone() for name, value in network.state_dict().items()}),
    )
    return run(workflow), states


@pytest.fixture(scope="module")
def mean_teacher(make_workflow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mean_teacher")
    return folder, *trained(make_workflow, folder, "source_only", "mean_teacher")


def test_the_teacher_is_the_moving_average_and_is_what_is_kept(mean_teacher):
    folder, _, states = mean_teacher
    expected = {name: value.clone() for name, value in states[0].items() if value.is_floating_point()}
    averages = {}
    for iteration, state in enumerate(states[1:], 1):
        expected = {name: 0.99 * value + 0.01 * state[name] for name, value in expected.items()}
        averages[iteration] = expected
    kept = {iteration: state for iteration, state in snapshots(folder).items()}
    kept |= {6: load_tensors(folder / "models/model.pt")}
    assert sorted(kept) == [2, 4, 6]
    for iteration, state in kept.items():
        for name, value in averages[iteration].items():
            torch.testing.assert_close(state[name], value, msg=f"{iteration} {name}")
    assert not weights_equal(dict(load_tensors(folder / "models/model.pt")), states[-1])


def test_the_checkpoint_holds_student_and_teacher(mean_teacher):
    folder, _, states = mean_teacher
    checkpoint = load_tensors(folder / "checkpoint.pt")
    assert_equal(dict(checkpoint["model"]), states[-1])
    prefix = "consistency.teacher."
    teacher = {name.removeprefix(prefix): value for name, value in checkpoint["adaptation"].items()}
    assert_equal(teacher, dict(load_tensors(folder / "models/model.pt")))


def test_the_weight_grows_from_the_warm_up_on(mean_teacher):
    """To 10 over half of the 5 iterations after the warm-up, as the sigmoid ramp exp(-5 (1 - p)^2)."""
    _, outputs, _ = mean_teacher
    assert "consistency" not in outputs[0]
    weights = [(output["loss"] - output["segmentation"]) / output["consistency"] for output in outputs[1:]]
    ramp = [10 * torch.tensor(-5 * 0.5**2).exp().item(), 10, 10, 10, 10]
    assert weights == pytest.approx(ramp, rel=1e-3)


@pytest.mark.parametrize("overlays", ALONE + ON_TOP_OF_MANI + AVERAGED, ids="+".join)
def test_resumed_equals_uninterrupted(make_workflow, tmp_path, overlays):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    workflow = make_workflow(whole, *overlays, **SETTINGS)
    keep_killed(workflow, 3, cut)
    workflow.run()
    assert load_tensors(cut / "checkpoint.pt")["iteration"] == 2
    make_workflow(cut, *overlays, **SETTINGS, resume=True).run()
    assert_same_results(cut, whole)


def test_the_weight_average_is_a_mean_teacher_without_its_loss(make_workflow, mean_teacher, tmp_path):
    """The control: the student never learns from its teacher, so only the average sets it apart from source-only."""
    outputs, states = trained(make_workflow, tmp_path / "averaged", "source_only", "weight_average")
    assert all("consistency" not in output for output in outputs)
    run(make_workflow(tmp_path / "plain", "source_only", **SETTINGS))
    assert_equal(states[-1], dict(load_tensors(tmp_path / "plain" / "models/model.pt")))
    kept = load_tensors(tmp_path / "averaged" / "models/model.pt")
    assert not weights_equal(dict(kept), states[-1])
    expected = {name: value for name, value in states[0].items() if value.is_floating_point()}
    for state in states[1:]:
        expected = {name: 0.99 * value + 0.01 * state[name] for name, value in expected.items()}
    torch.testing.assert_close({name: kept[name] for name in expected}, expected)


def test_the_recommended_recipe_is_what_its_parts_come_to(make_workflow, tmp_path):
    """It is frozen in one overlay; its parts go on being methods of their own."""
    parts = ("source_only", "mean_teacher", "stain_augmentation")
    make_workflow(tmp_path / "parts", *parts, **SETTINGS).run()
    make_workflow(tmp_path / "mean_teacher_stain_augmentation", "mean_teacher_stain_augmentation", **SETTINGS).run()
    assert_same_results(tmp_path / "mean_teacher_stain_augmentation", tmp_path / "parts")
