"""Trainings without scores: made once, resumed, refused where they are another's."""

from __future__ import annotations

import fcntl
import shutil
from dataclasses import replace

import pytest
from adapted import InProcessLauncher
from bundle_files import REPOSITORY

from mani_monai.apps.adapt import adaptation_training
from mani_monai.apps.adapt.adaptation_training import TrainingMaker, train
from mani_monai.apps.adapt.methods import MEAN_TEACHER, base_of, make_plan
from mani_monai.run.launching import Usage
from mani_monai.utils import InputError


class Touching(InProcessLauncher):
    """Leaves a checkpoint and, but for runs that fail, last weights."""

    def __init__(self) -> None:
        super().__init__()
        self.gpus = []
        self.said = "first\nthe reason.\n\n"

    def __call__(self, command, log, environment, inherit=()):
        options = {name[2:]: value for name, value in zip(command[4::2], command[5::2], strict=True)}
        self.commands.append(options)
        self.gpus.append(environment.get("CUDA_VISIBLE_DEVICES"))
        folder = log.parent
        (folder / "checkpoint.pt").touch()
        log.write_text(self.said)
        if self.failing and self.failing in str(folder):
            return Usage(1, 1, 1, 1)
        (folder / "models").mkdir(exist_ok=True)
        (folder / "models" / "model.pt").touch()
        return Usage(0, 1, 1, 1)


@pytest.fixture
def plan():
    return make_plan(base_of(REPOSITORY / "bundles" / "mani_unet", "quick"), MEAN_TEACHER, ("a", "b"), {})


@pytest.fixture
def make(tmp_path):
    return TrainingMaker("data", tmp_path, 1, Touching())


def test_all_runs_are_trained_in_order_and_never_scored(make, plan, tmp_path):
    train(make, plan.runs, 0.01)
    commands = make.launcher.commands
    assert [command["output_dir"] for command in commands] == [str(make.folder(run)) for run in plan.runs]
    assert {command["resume"] for command in commands} == {"True"}
    assert {command["split"] for command in commands} == {"adapt"}
    assert not any("evaluate.json" in command["config_file"] for command in commands)
    train(make, plan.runs, 0.01)
    assert len(make.launcher.commands) == 2, "what is done is not made again"


def test_a_training_that_fails_is_named_with_its_last_line_and_resumed(make, plan):
    make.launcher.failing = MEAN_TEACHER
    with pytest.raises(InputError, match=r"__seed0/train\.log: the training failed: the reason\."):
        train(make, plan.runs, 0.01)
    make.launcher.failing = ""
    train(make, plan.runs, 0.01)
    assert [command["output_dir"].split("__")[-2] for command in make.launcher.commands] == [
        *("source_only", MEAN_TEACHER, MEAN_TEACHER),
    ]


def test_a_folder_of_another_training_is_refused(make, plan):
    train(make, plan.runs, 0.01)
    other = make_plan(plan.after.base, MEAN_TEACHER, ("a", "b"), {"iterations": "7"})
    with pytest.raises(InputError, match="whose iterations is not what is asked for now"):
        train(make, other.runs, 0.01)


def test_a_training_of_another_process_is_waited_for(make, plan):
    folder = make.folder(plan.after)
    folder.mkdir(parents=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another process is training there"):
            train(make, plan.runs, 0.01)


@pytest.mark.parametrize(
    ("said", "free", "reason"),
    [
        (
            "a.pt: cannot be written; go on with --resume.",
            2**30,
            "a.pt: cannot be written; start the same command again.",
        ),
        ("", 2**30, "no output"),
        ("", 0, "its disk is full; free some space, and start the same command again."),
        ("the reason.", 0, "the reason."),
    ],
)
def test_the_remedy_is_that_of_this_command(said, free, reason, make, plan, monkeypatch):
    """It has no option of that name, and a full disk takes no log either."""
    make.launcher.failing, make.launcher.said = MEAN_TEACHER, said
    usage = shutil.disk_usage(make.work_dir)._replace(free=free)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    with pytest.raises(InputError) as refusal:
        train(make, plan.runs, 0.01)
    assert str(refusal.value).endswith(f"/train.log: the training failed: {reason}")


def test_nothing_is_trained_after_a_training_that_failed(make, plan):
    make.launcher.failing = "source_only"
    with pytest.raises(InputError, match=r"source_only__seed0/train\.log: the training failed"):
        train(make, plan.runs, 0.01)
    assert len(make.launcher.commands) == 1


@pytest.mark.parametrize(
    ("device", "gpu", "there"),
    [
        (None, "5", None),
        ("cpu", "5", "$torch.device('cpu')"),
        ("cuda", "5", "$torch.device('cuda')"),
        ("CUDA:1", "7", "$torch.device('cuda')"),  # the one that it sees has the number 0
        ("mps", "5", "$torch.device('mps')"),
    ],
)
def test_trainings_run_where_they_are_asked_to(make, plan, monkeypatch, device, gpu, there):
    monkeypatch.setattr(adaptation_training, "visible_gpus", lambda: ["5", "7"])
    train(replace(make, device=device), plan.runs, 0.01)
    assert set(make.launcher.gpus) == {gpu}
    assert {command.get("device") for command in make.launcher.commands} == {there}
