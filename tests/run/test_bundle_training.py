"""A bundle's training: what its configs and overrides come to, and its command."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from monai.bundle import ConfigParser

from mani_monai.run.bundle_training import BundleTraining, as_text
from mani_monai.run.run_folder import write_config
from mani_monai.utils import InputError

BASE = {
    "seed": 9,
    "output_dir": "",
    "width": 4,
    "losses": {"first": {"weight": 1.0, "kind": "mean"}},
    "copied": "%width",
    "doubled": "$@width * 2",
}


@pytest.fixture
def training(tmp_path):
    """A training of two configs with options, ``training(width="6")``."""
    (tmp_path / "train.json").write_text(json.dumps(BASE))
    (tmp_path / "second.json").write_text(json.dumps({"+losses": {"second": {"weight": 2.0}}}))
    configs = (str(tmp_path / "train.json"), str(tmp_path / "second.json"))

    def make(**options):
        pairs = {name.replace("__", "::"): value for name, value in options.items()}
        return BundleTraining("second", configs, {"seed": "2", "output_dir": str(tmp_path), **pairs})

    return make


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.1", 0.1), ("False", False), ("[4, 4]", [4, 4]), ("max", "max"), ("$@width // 2", "$@width // 2")],
)
def test_options_are_read_as_the_command_line_reads_them(training, text, value):
    parser = training(losses__first__weight=text).parser()
    assert parser["losses::first::weight"] == value
    assert parser["losses::second::weight"] == 2.0
    assert parser["seed"] == 2


def test_the_resolved_config_stands_alone(training, tmp_path):
    path = write_config(training(width="6").resolved(), tmp_path)
    content = json.loads(path.read_text())
    assert content["losses"] == {"first": {"weight": 1.0, "kind": "mean"}, "second": {"weight": 2.0}}
    assert content["copied"] == 6
    assert content["output_dir"] == str(tmp_path)
    parser = ConfigParser()
    parser.read_config(str(path))
    assert parser.get_parsed_content("doubled") == 12


def test_an_option_that_the_configs_lack(training):
    with pytest.raises(InputError, match=r"second: there is no option 'losses::third::weight' in .*train\.json"):
        training(losses__third__weight="1").parser()


def test_the_command_names_configs_in_order_and_every_option_once(training):
    command = training().command(["evaluate.json"], {"seed": "3", "resume": "True"})
    assert command[1:5] == ["-m", "monai.bundle", "run", "--config_file"]
    assert [Path(name).name for name in ast.literal_eval(command[5])] == ["train.json", "second.json", "evaluate.json"]
    assert command[6:8] == ["--seed", "3"]
    assert command[-2:] == ["--resume", "True"]


def test_a_text_stays_a_text():
    assert as_text("kidney") == "kidney"
    assert as_text("2024") == "'2024'"
