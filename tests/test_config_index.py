"""Configs by name: each lies in one place, says what it is for, and a wrong name is answered with the right one."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from monai.bundle import ConfigParser

from mani_monai.config_index import BUNDLES, FORMER, KINDS, bundle_folders, find_config, list_configs
from mani_monai.utils import InputError

UNET, HOVERNET = BUNDLES / "mani_unet", BUNDLES / "mani_hovernet"
NO_OVERLAY = {"inference", "metadata"}


@pytest.fixture
def bundle(tmp_path):
    """A bundle with one config in a folder and one in common with its neighbours."""
    for path, text in {
        "mine/configs/train.json": "{}",
        "mine/configs/budgets/small.json": json.dumps({"_desc_": "Short.", "iterations": 3}),
        "shared/configs/methods/plain.json": json.dumps({"_desc_": "Nothing."}),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path / "mine"


@pytest.mark.parametrize("name", ["small", "small.json", "budgets/small", "budgets/small.json"])
def test_a_name_finds_its_file(bundle, name):
    assert find_config(bundle, name) == bundle / "configs" / "budgets" / "small.json"


def test_shared_ones_and_files_elsewhere_are_found(bundle, tmp_path, monkeypatch):
    shared = tmp_path / "shared" / "configs" / "methods" / "plain.json"
    assert find_config(bundle, "plain") == shared
    other = tmp_path / "other.json"
    other.write_text("{}")
    assert find_config(bundle, str(other)) == other
    monkeypatch.chdir(bundle)
    assert find_config(".", "plain").samefile(shared), "from inside the bundle"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("smal", r"smal: mine has no such config; did you mean small\?"),
        ("xyz.json", r"xyz\.json: mine has no such config; there are plain, small\."),
        (
            "recommended",
            "recommended: is no config any more; the recommended recipe is stain_adabn; what had this name is",
        ),
    ],
)
def test_a_wrong_or_former_name_is_one_line(bundle, name, line):
    with pytest.raises(InputError, match=line) as refusal:
        find_config(bundle, name)
    assert "\n" not in str(refusal.value)


def test_the_list_says_kind_and_owner(bundle):
    assert [(entry.name, entry.kind, entry.owner, entry.description) for entry in list_configs(bundle)] == [
        ("small", "budgets", "mine", "Short."),
        ("plain", "methods", "shared", "Nothing."),
    ]


def test_the_bundles_are_those_that_train():
    assert bundle_folders() == [HOVERNET, UNET]


@pytest.mark.parametrize("bundle", [UNET, HOVERNET], ids=lambda path: path.name)
def test_every_config_lies_in_one_place_and_describes_itself(bundle):
    entries = list_configs(bundle)
    assert [name for name, times in Counter(entry.name for entry in entries).items() if times > 1] == []
    assert FORMER.keys().isdisjoint(entry.name for entry in entries)
    folders = [bundle / "configs", BUNDLES / "shared" / "configs"]
    files = {path for folder in folders for path in folder.rglob("*.json") if path.stem not in NO_OVERLAY}
    assert files == {entry.path for entry in entries}
    for entry in entries:
        assert entry.kind in KINDS
        assert find_config(bundle, entry.name) == entry.path
        assert entry.description.endswith(".")
        assert len(entry.description.split()) <= 20


def test_no_two_files_are_the_same_bytes():
    contents = Counter(path.read_bytes() for path in BUNDLES.rglob("configs/**/*.json"))
    assert set(contents.values()) == {1}


def test_a_description_is_nothing_to_a_training():
    """MONAI has no meaning for it at the top level: a later file's replaces it, and nothing refers to it."""
    parser = ConfigParser()
    parser.read_config([str(find_config(UNET, name)) for name in ("train", "small", "source_only")])
    assert parser["_desc_"].startswith("No adaptation")
    assert parser.get_parsed_content("iterations") == 1500
    assert parser.get_parsed_content("adaptation_losses") == {}
