"""The U-Net bundle's configs: no key twice or mistyped, small overlays, one network, paths that follow the folder."""

from __future__ import annotations

import json
import re

import pytest
from bundle_files import REPOSITORY, read_json
from monai.bundle import ConfigParser

from mani_monai.config_index import list_configs

BUNDLE = REPOSITORY / "bundles" / "mani_unet"
CONFIGS = BUNDLE / "configs"
OVERLAYS = {entry.name: entry.path for entry in list_configs(BUNDLE) if entry.name != "train"}


@pytest.mark.parametrize("path", [*sorted(CONFIGS.glob("*.json")), *OVERLAYS.values()], ids=lambda path: path.stem)
def test_config_parses_and_names_its_functions(path):
    assert read_json(path)
    assert "lambda" not in path.read_text()


def strange_keys(overlay, base):
    """Keys of an overlay that its base lacks and that nothing in the overlay refers to: most likely mistyped."""
    known = ConfigParser(config=base)
    text = json.dumps(overlay)
    names = [key.removeprefix("+") for key in overlay]
    return [name for name in names if name not in known and not re.search(rf"[@%]{re.escape(name)}\b", text)]


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay_is_small_and_overrides_what_exists(name):
    overlay = read_json(OVERLAYS[name])
    workflow = "inference" if name.endswith("_inference") else "train"
    base = read_json(CONFIGS / f"{workflow}.json") | {
        "finalize": [],
        "_desc_": "",
        "parting": {},
    }  # a section that MONAI runs, a key it skips, one that start_run reads
    if name != "evaluate":  # a workflow of its own
        assert len(OVERLAYS[name].read_text().splitlines()) <= 25
        base |= {key: value for key, value in read_json(CONFIGS / "evaluate.json").items() if key[0] != "+"}
    assert strange_keys(overlay, base) == []


def test_a_mistyped_overlay_would_be_noticed():
    base = read_json(CONFIGS / "train.json")
    assert strange_keys({"warm_up": 1, "train::trainer::max_epoch": 1}, base) == [
        "warm_up",
        "train::trainer::max_epoch",
    ]


@pytest.mark.parametrize(("folder", "expected"), [(REPOSITORY, "bundles/mani_unet"), (BUNDLE, ".")])
def test_bundle_root_follows_the_folder(folder, expected, monkeypatch):
    monkeypatch.chdir(folder)
    for config in ("train", "inference"):
        parser = ConfigParser()
        parser.read_config(str(CONFIGS / f"{config}.json"))
        assert parser.get_parsed_content("bundle_root") == expected
    assert parser.get_parsed_content("ckpt") == f"{expected}/models/model.pt"
    parser["bundle_root"] = "/elsewhere"
    parser.parse(reset=True)
    assert parser.get_parsed_content("ckpt") == "/elsewhere/models/model.pt"


def test_inference_and_training_have_one_network():
    training, inference = read_json(CONFIGS / "train.json"), read_json(CONFIGS / "inference.json")
    for key in ("network_def", "features", "window", "bundle_root", "device"):
        assert inference[key] == training[key], key
    validation = training["validate"]["windows"]
    assert inference["inferer"] == validation
