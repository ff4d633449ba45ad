"""Runs are scored where they are not, and their own predictions are drawn."""

from __future__ import annotations

import json
import os

import pytest
from PIL import Image
from trainings import run

from studies.picture_commands import compare


@pytest.fixture(scope="module")
def trained(make_workflow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "plain"
    run(make_workflow(folder, "source_only"))
    return folder


def test_a_run_is_scored_once_and_again_where_its_weights_are_younger(trained, toy_dir, tmp_path, capsys):
    out, metrics = tmp_path / "picture.png", trained / "evaluation" / "metrics.json"
    for younger in (False, False, True):
        if younger:
            later = metrics.stat().st_mtime_ns + 1
            os.utime(trained / "models" / "model.pt", ns=(later, later))
        before = metrics.stat().st_mtime_ns if metrics.exists() else 0
        compare(str(trained), images=str(toy_dir / "toy_target"), out=str(out), rows=1)
        assert (metrics.stat().st_mtime_ns == before) is (before > 0 and not younger)
    selections = json.loads(metrics.read_text())["selections"]
    assert "label_free" not in selections
    said = capsys.readouterr().out
    assert f"plain           last{selections['last']['dice_mean']:>23.3f}" in said
    assert Image.open(out).size[0] > 0
