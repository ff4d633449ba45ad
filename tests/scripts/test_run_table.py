"""A table killed and started again, with the bundle's own trainings."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import wait_for

from studies.results import read_result

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_table_that_is_killed_goes_on_where_it_was(tiny, toy_dir, tmp_path, command_environment):
    """The training ends with the table, its second session goes on from the checkpoint, and both are counted."""
    settings = {**tiny, "iterations": 60, "val_interval": 20, "quiet": False}
    del settings["dataset_dir"]
    plan = {
        "bundle": "bundles/mani_unet",
        "base": ["train.json"],
        "shifts": [{"source": "toy_source", "target": "toy_target"}],
        "methods": {
            "source_only": {"title": "source-only", "overlays": ["source_only.json"]},
        },
    }
    plan["methods"]["source_only"]["options"] = {name: str(value) for name, value in settings.items()}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    command = [sys.executable, "-m", "studies", "table", "--table", str(tmp_path / "plan.json"), "--seeds", "1"]
    for name, path in (("dataset_dir", toy_dir), ("work_dir", tmp_path / "runs"), ("results_dir", tmp_path / "done")):
        command += [f"--{name}", str(path)]
    command += ["--out", str(tmp_path)]
    run = tmp_path / "runs" / "plan" / "toy_source__toy_target__source_only__seed0"

    first = subprocess.Popen(command, cwd=ROOT, env=command_environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(run / "checkpoint.pt", first)
    finally:
        first.send_signal(signal.SIGTERM)
        status = first.wait()
    assert status == 1
    assert read_result(tmp_path / "done" / "plan", run.name) is None
    assert not (run / "models" / "model.pt").exists(), "the training went on to its end"

    again = subprocess.run(command, cwd=ROOT, env=command_environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "another process is making" not in again.stdout
    found = read_result(tmp_path / "done" / "plan", run.name)
    assert (tmp_path / "done" / "runs.csv").exists()
    assert found["sessions"] == 2
    assert set(found["scores"]["plain"]) >= {"last", "source_validation", "oracle"}
    assert "Going on from iteration" in (run / "train.log").read_text()
    assert "| source-only | 1 |" in (tmp_path / "plan.md").read_text()
    assert "runs: 1 of 1 done, 0 running, 0 failed" in again.stderr
