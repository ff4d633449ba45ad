"""A shift and its runs described, what is kept of it, and the page that it gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from grey_images import greys
from monai.networks.nets import BasicUNet
from PIL import Image

from studies import Method, Table, shifts
from studies.rows import Row
from studies.shift_report import draw_shifts, write_shifts
from studies.shift_statistics import (
    BASIC_UNET_DEPTHS,
)

METHODS = {name: Method(name, name) for name in ("source_only", "target_statistics", "mani")}


def row(name, dice, evaluation="plain"):
    return Row(METHODS[name], evaluation, {"last": dice}, 1.0)


def test_a_shift_is_described_by_hand():
    target = greys(10, 20, 30, 40, 50)
    dice = {0: {"0": 0.9, "1": 0.8, "2": 0.7}, 1: {"3": 0.6, "4": 0.5}}
    better = {0: {"0": 0.9, "1": 0.9, "2": 0.9}, 1: {"3": 0.9, "4": 0.9}}
    found = shifts.describe_shift(greys(0, 0), target, [row("source_only", dice), row("mani", better)])
    assert found["correlations"]["dice"]["colour_distance"]["rho"] == pytest.approx(-1)
    assert found["correlations"]["gain"]["colour_distance"]["rho"] == pytest.approx(1)
    assert found["images"]["4"]["gain"] == pytest.approx(0.4)
    assert list(found["gains"]) == ["MaNi - source-only"]
    assert found["gains"]["MaNi - source-only"]["mean"] == pytest.approx(0.2)
    few = shifts.describe_shift(greys(0, 0), target, [row("source_only", {0: dice[0]})])
    assert few["correlations"] == {"dice": {}, "gain": {}}


@pytest.fixture
def table(toy_dir):
    tiny = {"features": "[4,4,4,4,4,4]", "batch_size": "2", "crop_size": "32", "window": "-1", "precision": "float32"}
    methods = {
        "source_only": Method("source_only", "source-only", ("source_only.json",), tuple(tiny.items())),
        "mani": Method("mani", "MaNi", (), tuple(tiny.items())),
        "supervised": Method("supervised", "supervised", supervised=True),
    }
    bundle = Path(__file__).parents[2] / "bundles" / "mani_unet"
    return Table("plan", bundle, ("train.json",), (("toy_source", "toy_target"),), methods)


@pytest.fixture
def work_dir(tmp_path):
    """Weights of the first seed of source-only, whose batch statistics nobody has estimated yet."""
    torch.manual_seed(0)
    network = BasicUNet(2, 3, 2, (4,) * 6, norm="BATCH", act="RELU")
    folder = tmp_path / "runs" / "toy_source__toy_target__source_only__seed0"
    (folder / "models").mkdir(parents=True)
    torch.save(network.state_dict(), folder / "models/model.pt")
    return folder.parent


def test_statistics_are_those_that_the_bundle_would_reestimate(table, work_dir, toy_dir, make_workflow, tmp_path):
    run = table.runs(1)[0]
    folder = work_dir / run.name
    weights = (folder / "models/model.pt").rename(tmp_path / "model.pt")
    make_workflow(folder, split="fold_0")  # a run begins: its configs are there
    weights.rename(folder / "models/model.pt")
    workflow = make_workflow(folder, "reestimate", split="fold_0")
    workflow.parser["adabn_loader"]["batch_sampler"]["iterations"] = 3
    workflow.parser.ref_resolver.reset()
    workflow.run()
    (folder / "models/model_adabn.pt").replace(folder / "models/model.pt")
    statistics = shifts.describe_run(table, run, str(toy_dir), folder, 3)["statistics"]
    for depth in BASIC_UNET_DEPTHS:
        assert statistics["target from network"][depth] == {"mean": 0, "log_std": 0}
        assert statistics["source from network"][depth]["mean"] > 0.01
        assert statistics["target from source"][depth]["log_std"] > 0.001


def test_what_is_there_is_described_and_what_is_missing_named(table, work_dir, toy_dir, tmp_path, monkeypatch):
    def describe():
        return shifts.describe_shifts(table, str(toy_dir), str(work_dir), str(tmp_path / "results"), 1, 2)

    found = describe()
    assert list(found["runs"]) == ["toy_source__toy_target__source_only__seed0"]
    assert found["missing"] == ["toy_source__toy_target__mani__seed0"]
    separation = found["runs"]["toy_source__toy_target__source_only__seed0"]["separation"]
    assert separation["nuclei"] > 0
    assert 0 <= separation["domain_accuracy"] <= 1

    page = tmp_path / "shifts.md"
    page.write_text("prose\n<!-- tables -->\nold\n<!-- /tables -->\nafter\n")
    text = write_shifts(found, table, 1, page)
    assert page.read_text() == f"prose\n<!-- tables -->\n{text}\n<!-- /tables -->\nafter\n"
    assert "| toy_source → toy_target: source_only | 1 |" in text
    assert "not in the tables: toy_source → toy_target: mani, seeds 0." in text
    draw_shifts(found, table, 1, tmp_path / "shifts.png")
    assert Image.open(tmp_path / "shifts.png").size[0] > 1000

    monkeypatch.setattr(shifts, "describe_run", lambda *_: "computed")
    assert describe()["runs"] == found["runs"]  # kept
    weights = work_dir / "toy_source__toy_target__source_only__seed0" / "models/model.pt"
    torch.save({**torch.load(weights), "final_conv.bias": torch.ones(2)}, weights)
    assert list(describe()["runs"].values()) == ["computed"]


def test_no_run_yet(table, toy_dir, tmp_path):
    found = shifts.describe_shifts(table, str(toy_dir), str(tmp_path), str(tmp_path), 1, 2)
    assert len(found["missing"]) == 2
    assert "source_only, seeds 0;" in write_shifts(found, table, 1, tmp_path / "shifts.md")
    draw_shifts(found, table, 1, tmp_path / "shifts.png")


def test_numbers_of_a_file_are_short_and_valid_json():
    assert shifts.rounded({"a": [1.234567, float("nan")], "b": {"c": 3}}) == {"a": [1.23457, None], "b": {"c": 3}}
    assert json.dumps(shifts.rounded({"a": float("inf")}), allow_nan=False) == '{"a": null}'
