"""The bundle's training that a run of a table is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studies import Method, Run, Table
from studies.run_config import bundle_training, label_free_images, run_parser

BASE = {"seed": 9, "source": "", "target": "", "split": "", "dataset_dir": "", "output_dir": "", "width": 4}


@pytest.fixture
def table(tmp_path):
    configs = tmp_path / "bundle" / "configs"
    configs.mkdir(parents=True)
    (configs / "train.json").write_text(json.dumps(BASE))
    (configs / "evaluate.json").write_text("{}")
    (configs / "second.json").write_text(json.dumps({"width": 8}))
    return Table("plan", tmp_path / "bundle", ("train.json",), (("a", "b"),))


def run(**options):
    return Run("a", "b", Method("second", "second", ("second.json",), tuple(options.items())), seed=2)


def test_the_methods_configs_follow_the_tables(table):
    training = bundle_training(table, run(width="6"), "data", "out")
    assert [Path(name).name for name in training.configs] == ["train.json", "second.json"]
    assert run_parser(table, run(), "data", "out")["width"] == 8
    assert run_parser(table, run(width="6"), "data", "out")["width"] == 6


def test_the_oracle_trains_on_the_target(table):
    supervised = Run("a", "b", Method("x", "x", supervised=True), seed=0)
    assert bundle_training(table, supervised, "data", "out").options["source"] == "b"
    assert bundle_training(table, run(), "data", "out").options == {
        **{"dataset_dir": "data", "source": "a", "target": "b", "split": "fold_2", "seed": "2", "output_dir": "out"},
    }


@pytest.mark.parametrize(
    ("evaluate", "adabn", "images"),
    [
        ({}, {}, (0, 0)),
        ({"label_free_images": 8}, {}, (8, 8)),
        ({"label_free_images": "$@seed * 4"}, {}, (8, 8)),
        ({"label_free_images": 8}, {"label_free_images": 0}, (8, 0)),
    ],
)
def test_images_that_snapshots_are_scored_on(table, evaluate, adabn, images):
    for name, content in (("evaluate", evaluate), ("adabn", adabn)):
        (table.bundle / "configs" / f"{name}.json").write_text(json.dumps(content))
    assert tuple(label_free_images(table, run(), name) for name in ("plain", "adabn")) == images


def test_the_bundles_say_whether_they_score_snapshots():
    root = Path(__file__).parents[2] / "bundles"
    method = Method("source_only", "source-only", ("source_only.json",))
    for bundle, images in (("mani_unet", 8), ("mani_hovernet", 0)):
        plan = Table("plan", root / bundle, ("train.json", "small.json"), (("a", "b"),))
        assert label_free_images(plan, Run("a", "b", method, 0), "adabn") == images
