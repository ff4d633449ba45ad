"""What a run that was cut off, or that somebody began by hand, does not make again, and what it claims to have cost."""

from __future__ import annotations

import json
import os

import pytest

from mani_monai.run.run_folder import write_config
from mani_monai.utils import InputError
from studies import RunMaker, TableRunner, ThreadScheduler
from studies.run_config import bundle_training

FIGURES = ("training_seconds", "training_cpu_seconds", "peak_memory_mib", "sessions")


@pytest.fixture
def folder(make, table, run):
    """The run's folder, with the weights of a training by hand."""
    folder = make.folder(run)
    (folder / "snapshots").mkdir(parents=True)
    for name in ("snapshots/iteration_000001.pt", "checkpoint.pt", "models/model.pt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    write_config(bundle_training(table, run, "data", folder).resolved(), folder)
    return folder


def steps(fake):
    return [command["files"][-1] for command in fake.commands]


def figures(make, run):
    result = json.loads(make.result_path(run).read_text())
    return tuple(result[name] for name in FIGURES)


def cut_off(make, fake, run, step):
    fake.failing = step
    assert make(run) == "failed"
    fake.failing = ""
    fake.commands.clear()


def test_neither_the_training_nor_an_evaluation_is_repeated(make, fake, run):
    cut_off(make, fake, run, "evaluation_adabn")
    assert make(run) == "done"
    assert steps(fake) == ["adabn.json"]
    assert figures(make, run) == (100, 150, 700, 1)
    assert json.loads(make.result_path(run).read_text())["scores"].keys() == {"plain", "adabn"}


def older(folder, metrics):
    weights = (folder / "models/model.pt").stat().st_mtime
    os.utime(metrics, (weights - 1, weights - 1))


def half_written(folder, metrics):
    metrics.write_text(metrics.read_text()[:-5])


def no_snapshots(folder, metrics):
    metrics.write_text(json.dumps({"selections": {"last": {"dice": {"x": 0.25}}}}))


@pytest.mark.parametrize("change", [older, half_written, no_snapshots])
def test_an_evaluation_that_is_stale_or_lacks_a_part_is_repeated(make, fake, run, change):
    cut_off(make, fake, run, "evaluation_adabn")
    change(make.folder(run), make.folder(run) / "evaluation_plain" / "metrics.json")
    assert make(run) == "done"
    assert steps(fake) == ["evaluate.json", "adabn.json"]


def test_scores_without_snapshots_count_where_there_are_none(make, fake, run):
    cut_off(make, fake, run, "evaluation_adabn")
    metrics = make.folder(run) / "evaluation_plain" / "metrics.json"
    no_snapshots(make.folder(run), metrics)
    (make.folder(run) / "snapshots" / "iteration_000001.pt").unlink()
    assert make(run) == "done"
    assert steps(fake) == ["adabn.json"]


def test_a_training_by_hand_is_scored_and_its_cost_is_not_known(make, fake, run, folder):
    cut_off(make, fake, run, "evaluation_adabn")
    assert make(run) == "done"
    assert steps(fake) == ["adabn.json"]
    assert figures(make, run) == (None,) * 4
    assert not (folder / "train.log").exists()


def test_a_training_that_somebody_began_goes_on_and_its_cost_is_not_known(make, fake, run, folder):
    (folder / "models/model.pt").unlink()
    cut_off(make, fake, run, "train")
    assert make(run) == "done"
    assert steps(fake)[0] == "source_only.json"
    assert figures(make, run) == (None,) * 4


def test_a_training_that_somebody_ended_has_no_known_cost(make, fake, run):
    cut_off(make, fake, run, "train")
    (make.folder(run) / "models").mkdir()
    (make.folder(run) / "models" / "model.pt").touch()
    assert make(run) == "done"
    assert figures(make, run) == (None,) * 4


def test_a_session_whose_maker_was_killed_has_no_known_cost(make, fake, run, monkeypatch):
    def die(*arguments):
        (make.folder(run) / "checkpoint.pt").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(fake), "__call__", die)
        with pytest.raises(KeyboardInterrupt):
            make(run)
    assert make(run) == "done"
    assert steps(fake)[0] == "source_only.json"
    assert figures(make, run) == (None,) * 4


@pytest.mark.parametrize("step", ["train", "evaluation_plain", "evaluation_adabn"])
def test_a_half_made_run_of_another_config_is_refused(make, fake, table, run, step, capsys):
    cut_off(make, fake, run, step)
    (table.bundle / "configs" / "small.json").write_text(json.dumps({"width": 5}))
    with pytest.raises(InputError, match=r"holds a training whose width is not what is asked for now .*delete"):
        make(run)
    assert fake.commands == []
    assert TableRunner(make, ThreadScheduler(make, 1), seconds=0)([run]) == [run.name]
    said = [line for line in capsys.readouterr().err.splitlines() if "width" in line]
    assert len(said) == 1
    assert said[0].startswith(f"{run.name}: ")


def test_a_finished_run_of_another_config_is_not_scored(make, fake, table, run):
    make(run)
    fake.commands.clear()
    (table.bundle / "configs" / "small.json").write_text(json.dumps({"width": 5}))
    assert make(run) == "done"  # complete: nothing to do
    result = json.loads(make.result_path(run).read_text())
    del result["scores"]["adabn"]
    make.result_path(run).write_text(json.dumps(result))
    with pytest.raises(InputError, match="width"):
        make(run)
    assert fake.commands == []


def test_places_may_change(make, fake, table, run, tmp_path):
    cut_off(make, fake, run, "train")
    moved = tmp_path / "moved"
    make.work_dir.rename(moved)
    again = RunMaker(table, "elsewhere", moved, tmp_path / "results", 2, fake)
    assert again(run) == "done"
    assert json.loads((moved / run.name / "configs" / "train.json").read_text())["dataset_dir"] == "elsewhere"


def test_a_folder_without_a_config_is_refused(make, fake, run):
    cut_off(make, fake, run, "train")
    (make.folder(run) / "configs" / "train.json").unlink()
    with pytest.raises(InputError, match="does not say what it was trained on"):
        make(run)
    assert fake.commands == []


def test_a_training_that_never_got_to_a_checkpoint_starts_anew_with_another_config(make, fake, table, run):
    cut_off(make, fake, run, "train")
    (make.folder(run) / "checkpoint.pt").unlink()
    (table.bundle / "configs" / "small.json").write_text(json.dumps({"width": 5}))
    assert make(run) == "done"
