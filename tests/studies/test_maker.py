"""What a run trains, scores, keeps and leaves. The bundle's own runs are tested with the bundle."""

from __future__ import annotations

import fcntl
import json
import pickle
from pathlib import Path

import pytest

from mani_monai.utils import InputError
from studies import RunMaker, maker

IMAGE = {"last": {"dice": {"x": 0.5}}}


def test_trains_then_scores(make, fake, run):
    assert make(run) == "done"
    base = ["train.json", "small.json", "source_only.json"]
    assert [command["files"] for command in fake.commands] == [
        base,
        [*base, "evaluate.json"],
        [*base, "evaluate.json", "adabn.json"],
    ]
    assert [command.get("--resume") for command in fake.commands] == ["True", None, None]
    for command in fake.commands:
        facts = {name: command[f"--{name}"] for name in ("dataset_dir", "source", "target", "split", "seed")}
        assert facts == {"dataset_dir": "data", "source": "a", "target": "b", "split": "fold_0", "seed": "0"}
        assert command["threads"] == "2"


def test_options_and_the_oracles_source(make, fake, table):
    run = next(run for run in table.runs(1) if run.method.supervised)
    assert make(run) == "done"
    assert [command["--width"] for command in fake.commands] == ["8", "8"]
    assert {command["--source"] for command in fake.commands} == {"b"}
    result = json.loads(make.result_path(run).read_text())
    assert result["options"] == {"width": "8"}
    assert result["target_labels_train"]


def test_what_a_finished_run_leaves(make, run):
    make(run)
    result = json.loads(make.result_path(run).read_text())
    assert result["scores"] == {"plain": IMAGE, "adabn": IMAGE}
    assert result["snapshots"] == {name: [{"weights": "snapshots/iteration_000001.pt"}] for name in ("plain", "adabn")}
    assert result["label_free"] == {name: {"criterion": "stain", "images": 8} for name in ("plain", "adabn")}
    assert result["configs"] == ["train.json", "small.json", "source_only.json"]
    assert result["tissues"] == {"x": "colon"}
    assert not result["target_labels_train"]
    assert (result["training_seconds"], result["training_cpu_seconds"], result["peak_memory_mib"]) == (100, 150, 700)
    assert (result["sessions"], result["threads"]) == (1, 2)
    assert result["device"]
    assert result["versions"].keys() == {"torch", "monai"}
    config = json.loads((make.folder(run) / "configs" / "train.json").read_text())
    assert (config["width"], config["source"]) == (4, "a")


def test_a_training_that_was_cut_off_goes_on_and_its_times_add_up(make, fake, run):
    fake.failing = "train"
    assert make(run) == "failed"
    assert len(fake.commands) == 1
    assert not make.result_path(run).exists()
    fake.failing = ""
    fake.memory = 900
    assert make(run) == "done"
    result = json.loads(make.result_path(run).read_text())
    assert (result["training_seconds"], result["peak_memory_mib"], result["sessions"]) == (200, 900, 2)


def test_an_evaluation_that_fails_leaves_no_result(make, fake, run):
    fake.failing = "evaluation_adabn"
    assert make(run) == "failed"
    assert not make.result_path(run).exists()


def test_a_finished_run_is_kept(make, fake, run):
    make(run)
    fake.commands.clear()
    assert make.is_done(run)
    assert make(run) == "done"
    assert fake.commands == []


@pytest.mark.parametrize(("part", "value"), [("configs", ["train.json"]), ("options", {"width": "1"})])
def test_a_run_of_the_same_name_that_is_another_is_refused(make, run, part, value):
    make(run)
    path = make.result_path(run)
    path.write_text(json.dumps({**json.loads(path.read_text()), part: value}))
    with pytest.raises(InputError, match="give the method another name"):
        make.is_done(run)


def test_two_processes_never_make_the_same_run(make, fake, run):
    make.folder(run).mkdir(parents=True)
    with open(make.folder(run) / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert make(run) == "busy"
    assert fake.commands == []
    assert make(run) == "done"
    assert all(command["inherit"] for command in fake.commands), "a process of the run that outlives its maker holds it"


def test_one_gpu_is_seen(make, fake, run, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
    make(run, gpu="6")
    assert {command["gpus"] for command in fake.commands} == {"6"}


def test_all_usable_cores_where_threads_are_not_said(table, fake, run, tmp_path, monkeypatch):
    monkeypatch.setattr(maker, "usable_cores", lambda: 7)
    RunMaker(table, "data", tmp_path / "runs", tmp_path / "results", launcher=fake)(run)
    assert {command["threads"] for command in fake.commands} == {"7"}


def test_it_travels_to_another_machine(table, tmp_path):
    make = RunMaker(table, "data", tmp_path / "runs", tmp_path / "results")
    copy = pickle.loads(pickle.dumps(make))
    assert copy.table == table
    assert copy.folder(table.runs(1)[0]) == Path(tmp_path / "runs" / "a__b__source_only__seed0")
