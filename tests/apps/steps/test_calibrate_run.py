"""Two numbers make a run's certainty the share of nuclei that are right, wherever the run is used."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.special import logit
from trainings import run

from mani_monai import Model
from mani_monai.apps.steps import calibrate_run as module
from mani_monai.apps.steps.calibrate_run import calibrate_run, score_nuclei
from mani_monai.apps.steps.steps_command import calibrate
from mani_monai.nuclei import Nuclei
from mani_monai.utils import InputError


@pytest.fixture(scope="module")
def whole(make_workflow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run(make_workflow(folder))
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


class PaintedModel:
    """Finds one nucleus in the top left corner, and is rather sure of it."""

    mpp = 0.25

    def __call__(self, image, mpp=None):
        assert mpp == 0.25  # nothing is rescaled
        instances = np.zeros((8, 8), np.int32)
        instances[:3, :3] = 1
        return Nuclei(instances, {"id": np.array([1]), "mean_probability": np.array([0.9])}, instances.astype("f4"))


def test_a_nucleus_is_scored_by_the_label_beside_it(tmp_path):
    items = []
    for name, place in {"hit": 0, "missed": 4}.items():
        label = np.zeros((8, 8), np.uint8)
        label[place : place + 3, :3] = 1
        Image.fromarray(label).save(tmp_path / f"{name}.png")
        items.append({"image": f"{name}_image.png", "label": str(tmp_path / f"{name}.png")})
    scores, matched = score_nuclei(PaintedModel(), items)
    assert scores.tolist() == [0.9, 0.9]
    assert matched.tolist() == [True, False]
    with pytest.raises(InputError, match="no validation images"):
        score_nuclei(PaintedModel(), [])


def test_the_run_says_its_calibration_to_all_who_use_it(folder, monkeypatch, capsys):
    before = Model.open(folder)
    assert before.declaration.calibration == {}
    # of nuclei scored .9 seven of ten are right, and three of ten of those scored .2
    scores, matched = np.r_[[0.9] * 10, [0.2] * 10], np.r_[[True] * 7, [False] * 3, [True] * 3, [False] * 7]
    monkeypatch.setattr(module, "score_nuclei", lambda model, items: (scores, matched))
    found = calibrate_run(folder)
    slope = (logit(0.7) - logit(0.3)) / (logit(0.9) - logit(0.2))
    assert found.temperature == pytest.approx(1 / slope, rel=1e-3)
    assert found.bias == pytest.approx(logit(0.7) - slope * logit(0.9), abs=1e-3)
    assert found.error_after < 1e-3 < found.error_before
    assert found.nuclei == 20

    after = Model.open(folder)
    assert after.declaration.calibration == {"temperature": found.temperature, "bias": found.bias}
    config = json.loads((folder / "configs" / "inference.json").read_text())
    steps = config["postprocessing"]["transforms"]
    assert (found.temperature, found.bias) in [(step.get("temperature"), step.get("bias")) for step in steps]
    maps = np.full((2, 64, 64), -4.0, np.float32)
    maps[1, 8:20, 8:20] = np.float32(-4 + logit(0.9))
    table = after.nuclei(maps, (64, 64)).table
    expected = logit(table["mean_probability"]) / found.temperature + found.bias
    np.testing.assert_allclose(logit(table["certainty"]), expected)
    assert "certainty" not in before.nuclei(maps, (64, 64)).table
    calibrate(str(folder))
    assert f"temperature: {found.temperature:g}, bias: {found.bias:g}, of 20 nuclei" in capsys.readouterr().out


def test_a_run_whose_nuclei_are_all_wrong_stays_as_it_was(folder, monkeypatch):
    monkeypatch.setattr(module, "score_nuclei", lambda model, items: (np.array([0.8]), np.array([False])))
    before = (folder / "configs" / "metadata.json").read_bytes()
    with pytest.raises(InputError, match="0 of 1 nuclei are right"):
        calibrate_run(folder)
    assert (folder / "configs" / "metadata.json").read_bytes() == before
