"""The configs of a run and what they come to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from monai.bundle import ConfigParser

from mani_monai.utils import InputError
from studies import Method, Run, Table
from studies.run_config import (
    config_files,
    label_free_images,
    resolved_config,
    run_overrides,
    run_parser,
    write_config,
)

BASE = {
    "seed": 9,
    "source": "",
    "target": "",
    "split": "",
    "dataset_dir": "",
    "output_dir": "",
    "width": 4,
    "losses": {"first": {"weight": 1.0, "kind": "mean"}},
    "copied": "%width",
    "doubled": "$@width * 2",
}


@pytest.fixture
def table(tmp_path):
    configs = tmp_path / "bundle" / "configs"
    configs.mkdir(parents=True)
    (configs / "train.json").write_text(json.dumps(BASE))
    (configs / "evaluate.json").write_text("{}")
    (configs / "second.json").write_text(json.dumps({"+losses": {"second": {"weight": 2.0}}}))
    return Table("plan", tmp_path / "bundle", ("train.json",), (("a", "b"),))


def run(**options):
    pairs = tuple((name.replace("__", "::"), value) for name, value in options.items())
    return Run("a", "b", Method("second", "second", ("second.json",), pairs), seed=2)


def test_files_stand_in_order(table):
    names = [Path(name).name for name in config_files(table, run(), ["evaluate.json"])]
    assert names == ["train.json", "second.json", "evaluate.json"]


def test_the_oracle_trains_on_the_target():
    supervised = Run("a", "b", Method("x", "x", supervised=True), seed=0)
    assert run_overrides(supervised, "data", "out")["source"] == "b"
    assert run_overrides(run(), "data", "out") == {
        **{"dataset_dir": "data", "source": "a", "target": "b", "split": "fold_2", "seed": "2", "output_dir": "out"},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.1", 0.1), ("False", False), ("[4, 4]", [4, 4]), ("max", "max"), ("$@width // 2", "$@width // 2")],
)
def test_options_are_read_as_the_command_line_reads_them(table, text, value):
    parser = run_parser(table, run(losses__first__weight=text), "data", "out")
    assert parser["losses::first::weight"] == value
    assert parser["losses::second::weight"] == 2.0
    assert parser["seed"] == 2


def test_the_resolved_config_stands_alone(table, tmp_path):
    path = write_config(resolved_config(table, run(width="6"), "data", tmp_path), tmp_path)
    content = json.loads(path.read_text())
    assert path.name == "config.json"
    assert content["losses"] == {"first": {"weight": 1.0, "kind": "mean"}, "second": {"weight": 2.0}}
    assert content["copied"] == 6
    assert content["output_dir"] == str(tmp_path)
    parser = ConfigParser()
    parser.read_config(str(path))
    assert parser.get_parsed_content("doubled") == 12


def test_an_option_that_the_configs_lack(table):
    with pytest.raises(InputError, match=r"second: there is no option 'losses::third::weight' in .*train\.json"):
        run_parser(table, run(losses__third__weight="1"), "data", "out")


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
