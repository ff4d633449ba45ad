"""The studies' commands as a user types them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from warm_python import run_python

from mani_monai.utils import InputError
from studies.__main__ import COMMANDS, main
from studies.results import read_result

ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(command_environment) -> Callable[..., subprocess.CompletedProcess]:
    def run(*arguments: str) -> subprocess.CompletedProcess:
        return run_python(["-m", "studies", *arguments], ROOT, command_environment)

    return run


def test_the_list_of_commands(capsys):
    main([])
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in COMMANDS)
    with pytest.raises(InputError, match="tabel: no such command; choose from table, pages"):
        main(["tabel"])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps(name, capsys):
    with pytest.raises(SystemExit) as done:
        main([name, "--help"])
    assert done.value.code == 0
    text = "".join(capsys.readouterr())
    assert f"studies {name}" in text or "SYNOPSIS" in text


@pytest.fixture
def runs(tmp_path):
    """A prepared target with one labelled test image, and a run that was scored on it."""
    data, run = tmp_path / "data", tmp_path / "mani"
    for folder in (data / "images", data / "labels", run / "masks", run / "evaluation" / "predictions"):
        folder.mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(data / "images" / "x.png")
    Image.fromarray(np.eye(30, 40, dtype=np.uint16)).save(data / "labels" / "x.png")
    Image.new("L", (40, 30)).save(run / "evaluation" / "predictions" / "x_mask.png")
    lists = {"test": [{"image": "images/x.png", "label": "labels/x.png"}]}
    (data / "target_split_0.json").write_text(json.dumps(lists))
    scores = {"last": {"dice_mean": 0.5, "dice_std": 0.1, "dice": {"x": 0.5}}}
    scores["oracle"] = {"dice_mean": 0.625, "dice_std": 0.1, "dice": {"x": 0.625}}
    (run / "evaluation" / "metrics.json").write_text(json.dumps({"selections": scores}))
    return data, run


def test_compare_runs_prints_the_table_and_draws_the_picture(command, runs, tmp_path):
    data, run = runs
    done = command("compare", str(run), "--images", str(data), "--out", str(tmp_path / "out.png"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].split() == ["mani", "last", "0.500", "0.100", "1"]
    assert lines[2].split() == ["mani", "oracle", "0.625", "0.100", "1", "uses", "target", "labels"]
    assert Image.open(tmp_path / "out.png").width == 3 * 40 + 2 * 6


def test_compare_runs_puts_any_number_beside_each_other(command, runs, tmp_path):
    """The runs of a table, too, whose plain evaluation is one of several."""
    data, run = runs
    others = [tmp_path / "tnbc__monuseg__mani__seed0", tmp_path / "other"]
    for other in others:
        shutil.copytree(run, other)
        (other / "evaluation").rename(other / "evaluation_plain")
    paths = [str(path) for path in (run, *others)]
    done = command("compare", *paths, "--images", str(data), "--out", str(tmp_path / "out.png"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[1:-1]
    assert [line.split()[0] for line in lines] == [name for path in paths for name in [Path(path).name] * 2]
    assert len({line.index("0.") for line in lines}) == 1, "columns stand under each other"
    assert Image.open(tmp_path / "out.png").width == 5 * 40 + 4 * 6


def test_compare_runs_names_what_is_missing(command, runs, tmp_path):
    data, run = runs
    (run / "evaluation" / "metrics.json").unlink()
    done = command("compare", str(run), "--images", str(data), "--out", str(tmp_path / "out.png"))
    assert done.returncode == 1
    assert done.stderr.strip().endswith("holds no training's configs/train.json; name the output_dir of a training.")
    assert "Traceback" not in done.stderr


TITLES = {"source_only": "source-only", "mani": "MaNi"}


def test_run_table_writes_what_is_done(command, tmp_path):
    """All runs of the plan are done: nothing is trained, the table, the CSV and the figures are written."""
    plan = json.loads((ROOT / "studies" / "plans" / "unet.json").read_text())
    methods = {name: {"title": title, "overlays": []} for name, title in TITLES.items()}
    plan["shifts"], plan["methods"] = plan["shifts"][:1], methods
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    result = {"source": "tnbc", "target": "monuseg", "seed": 0, "split": "fold_0", "configs": ["train.json"]}
    result |= {"training_seconds": 60, "training_cpu_seconds": 50, "target_labels_train": False}
    plan["base"] = ["train.json"]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (tmp_path / "done" / "plan").mkdir(parents=True)
    for name in methods:
        scores = {"plain": {"last": {"dice": {"x": 0.25}}}}
        path = tmp_path / "done" / "plan" / f"tnbc__monuseg__{name}__seed0.json"
        path.write_text(json.dumps({**result, "method": name, "scores": scores}))
    done = command(
        "table",
        *["--table", str(tmp_path / "plan.json"), "--seeds", "1", "--results_dir", str(tmp_path / "done")],
        *["--work_dir", str(tmp_path / "runs"), "--out", str(tmp_path)],
    )
    assert done.returncode == 0, done.stderr
    assert "2 of 2 runs are done" in done.stdout
    assert "| MaNi | 1 | 1 | 0.250" in (tmp_path / "plan.md").read_text()
    for name in ("plan.csv", "plan.png", "plan_cost.png"):
        assert (tmp_path / name).exists()
    assert not list((tmp_path / "done").rglob("*.json")), "the tables took them up"
    assert read_result(tmp_path / "done" / "plan", "tnbc__monuseg__mani__seed0")["scores"]["plain"]["last"]["dice"] == {
        "x": 0.25
    }


def test_run_table_writes_a_table_by_its_number(command, tmp_path):
    """Table 3 shares the finished runs of other tables; with no seed nothing is run."""
    done = command("table", "--table", "3", "--seeds", "0", "--out", str(tmp_path), "--work_dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "0 of 0 runs are done, 0 to go." in done.stdout
    assert "| MaNi, weight 1 | 3 | 18 |" in (tmp_path / "table3.md").read_text()
    written = {path.name for path in tmp_path.iterdir()}
    # the figure of costs is there once two rows of a shift recorded their CPU time
    assert written - {"table3_cost.png"} == {"table3.csv", "table3.md", "table3.png"}


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("preset", "huge", "no such preset"), ("cluster", "ray", "no such scheduler; there are slurm, local")],
)
def test_run_table_refuses_what_there_is_not(command, option, value, message):
    done = command("table", "--table", "3", f"--{option}", value)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_run_table_refuses_a_method_that_the_plan_lacks(command):
    done = command("table", "--methods", "nothing")
    assert done.returncode == 1
    assert "has no method 'nothing'" in done.stderr
    assert "Traceback" not in done.stderr


def test_draw_instances_draws_best_median_and_worst(command, runs, tmp_path):
    data, run = runs
    Image.fromarray(np.eye(30, 40, dtype=np.uint16)).save(run / "masks" / "x_instances.png")
    metrics = run / "evaluation" / "metrics.json"
    metrics.write_text(json.dumps({"selections": {"last": {"pq": {"x": 0.25}}}}))
    folders = ("--evaluation", str(metrics.parent), "--instances", str(run / "masks"), "--images", str(data))
    done = command("instances", *folders, "--out", str(tmp_path / "new" / "out.png"))
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "new" / "out.png").size[0] > 3 * 40
    done = command("instances", *folders, "--out", str(tmp_path / "out.png"), "--metric", "iou")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("holds no iou of last; choose another --metric or --selection.")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("table --seeds abc", "--seeds abc: is no whole number."),
        ("table --seeds 9", "--seeds 9: choose 0 to 5; the lists have no further folds."),
        ("table --jobs 0", "--jobs 0: choose 1 or more."),
        ("table --dataset_dir nowhere", "nowhere: has no data set "),
        ("label_free --results_dir nowhere", "--results_dir nowhere: no such folder"),
        ("adabn --tables nowhere.json", "nowhere.json: cannot be read"),
        ("critic --run nowhere", "nowhere: no such folder"),
    ],
)
def test_bad_values_are_one_line(line, message, monkeypatch):
    monkeypatch.chdir(ROOT)
    name, *options = line.split()
    with pytest.raises(SystemExit) as refusal:
        main([name, *options])
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)
