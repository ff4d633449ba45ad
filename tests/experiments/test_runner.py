"""What a table runs, keeps and reports as failed. The bundle's own runs are tested with the bundle."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mani_monai.experiments import Method, Table, TableRunner, runner


class FakeBundle:
    """Stands in for ``python -m monai.bundle run``: keeps the commands, writes an evaluation's scores."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.commands: list[dict[str, str]] = []

    def __call__(self, command, env, **_):
        assert command[1:4] == ["-m", "monai.bundle", "run"]
        options = dict(zip(command[4::2], command[5::2], strict=True))
        self.commands.append({**options, "threads": env["OMP_NUM_THREADS"]})
        if self.failing and self.failing in options["--output_dir"]:
            return subprocess.CompletedProcess(command, 1)
        if "--evaluation_dir" in options:
            folder = Path(options["--evaluation_dir"])
            folder.mkdir(parents=True)
            scores = {"last": {"dice": {"x": 0.5}}}
            (folder / "metrics.json").write_text(json.dumps({"selections": scores, "tissues": {"x": "colon"}}))
        return subprocess.CompletedProcess(command, 0)


@pytest.fixture
def table(tmp_path):
    methods = {
        "source_only": Method("source_only", "source-only", ("source_only.json",), adabn=True),
        "supervised": Method(
            "supervised", "supervised", ("source_only.json",), (("precision", "float32"),), supervised=True
        ),
    }
    return Table("plan", Path("bundle"), ("train.json", "small.json"), (("a", "b"),), methods)


def make(table, folder, fake, monkeypatch, jobs=1):
    monkeypatch.setattr(runner.subprocess, "run", fake)
    return TableRunner(table, "data", str(folder / "runs"), str(folder / "results"), jobs)


def test_trains_then_scores_each_run(table, tmp_path, monkeypatch):
    fake = FakeBundle()
    run_table = make(table, tmp_path, fake, monkeypatch)
    assert run_table(table.runs(1)) == []
    steps = [[Path(name).name for name in eval(command["--config_file"])] for command in fake.commands]
    base = ["train.json", "small.json", "source_only.json"]
    assert steps == [
        base,
        [*base, "evaluate.json"],
        [*base, "evaluate.json", "adabn.json"],
        base,
        [*base, "evaluate.json"],
    ]
    assert [command["--source"] for command in fake.commands] == ["a"] * 3 + ["b"] * 2
    assert {command["--target"] for command in fake.commands} == {"b"}
    assert {command["--split"] for command in fake.commands} == {"fold_0"}
    assert [command.get("--resume") for command in fake.commands] == ["true", None, None, "true", None]

    assert [command.get("--precision") for command in fake.commands] == [None] * 3 + ["float32"] * 2

    result = json.loads((tmp_path / "results" / "a__b__source_only__seed0.json").read_text())
    assert result["scores"] == {"plain": {"last": {"dice": {"x": 0.5}}}, "adabn": {"last": {"dice": {"x": 0.5}}}}
    assert result["configs"] == base
    assert result["tissues"] == {"x": "colon"}
    assert not result["target_labels_train"]
    assert json.loads((tmp_path / "results" / "a__b__supervised__seed0.json").read_text())["target_labels_train"]


def test_finished_runs_are_kept_and_failed_ones_named(table, tmp_path, monkeypatch):
    runs = table.runs(1)
    assert make(table, tmp_path, FakeBundle(failing="supervised"), monkeypatch)(runs) == ["a__b__supervised__seed0"]
    assert not (tmp_path / "results" / "a__b__supervised__seed0.json").exists()
    again = FakeBundle()
    assert make(table, tmp_path, again, monkeypatch)(runs) == []
    assert all("supervised" in command["--output_dir"] for command in again.commands)
    none = FakeBundle()
    assert make(table, tmp_path, none, monkeypatch)(runs) == []
    assert none.commands == []


def test_cores_are_shared_out(table, tmp_path, monkeypatch):
    monkeypatch.setattr(runner.os, "cpu_count", lambda: 8)
    fake = FakeBundle()
    make(table, tmp_path, fake, monkeypatch, jobs=4)(table.runs(1))
    assert {command["threads"] for command in fake.commands} == {"2"}
