"""Inspection of bundles: a clean one passes, each hostile one is found, and none of it is ever executed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hostile import dangers
from warm_python import run_python

from mani_monai import Model
from mani_monai.apps.inspect.inspection import format_findings, inspect_bundle, is_dangerous
from mani_monai.utils import InputError
from mani_monai.utils.archive import write_archive, write_hashes

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "bundles" / "mani_unet" / "configs"


def set_key(folder: Path, file: str, key: str, value: object) -> None:
    path = folder / "configs" / file
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    write_hashes(folder)


# clean


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_clean_bundle(bundle, form, tmp_path):
    path = bundle if form == "folder" else tmp_path / "bundle.zip"
    write_archive(bundle, tmp_path / "bundle.zip")
    findings = inspect_bundle(path)
    assert dangers(path) == []
    assert not is_dangerous(findings)
    by_kind = {kind: [f.what for f in findings if f.kind == kind] for kind in ("import", "target", "weights", "hash")}
    assert "from pathlib import Path" in by_kind["import"]
    assert "SlidingWindowInferer" in by_kind["target"]
    assert by_kind["weights"] == ["tensors only"]
    assert by_kind["hash"] == ["all 4 files match"]
    assert sum(f.kind == "expression" for f in findings) > 10
    verdict, *lines = format_findings(findings).splitlines()
    assert verdict == "Nothing dangerous found, and no code of its own."
    assert len(lines) == len(findings)
    short = format_findings(findings, full=False).splitlines()
    assert short[0] == verdict
    assert len(short) == 2
    assert "weights 1" in short[1]


def test_names_that_another_config_imports_are_known(bundle):
    (bundle / "configs" / "overlay.json").write_text(json.dumps({"run": ["$exit('done')", "$Path('a').is_file()"]}))
    write_hashes(bundle)
    assert dangers(bundle) == []


# configs


@pytest.mark.parametrize(
    ("file", "key", "value", "danger"),
    [
        ("inference.json", "x", "$__import__('os').system('id')", "inference.json x: $__import__"),
        ("inference.json", "x", {"a": [{"_target_": "os.system", "command": "id"}]}, "x::a::0::_target_: os.system"),
        ("inference.json", "x", "$import subprocess", "import subprocess"),
        ("inference.json", "x", {"_target_": "Compose", "_mode_": "debug"}, "starts a debugger"),
        ("inference.json", "x", "%../../secret.json::a", "reads another file"),
        ("inference.json", "$exec('1')", 1, "$exec('1')"),
        ("metadata.json", "task", "$print('hello')", "metadata.json task: $print('hello'): metadata must not execute"),
        ("metadata.json", "x", {"_target_": "Compose"}, "metadata.json x::_target_"),
        ("metadata.json", "x", {"_target_": "BasicUNet"}, "metadata.json x::_target_"),
        ("metadata.json", "model", {"network": {"_target_": "os.system"}}, "metadata.json model::network::_target_"),
    ],
)
def test_hostile_configs(bundle, file, key, value, danger):
    if key.startswith("$"):
        value, danger = {key: value}, danger
        key = "x"
    set_key(bundle, file, key, value)
    (found,) = dangers(bundle)
    assert danger in found


def test_keys_that_stand_twice(bundle):
    (bundle / "configs" / "b.json").write_text('{"run": "a", "run": "$eval(1)"}')
    write_hashes(bundle)
    assert "'run' stands twice" in dangers(bundle)[0]


@pytest.mark.parametrize(
    "text", ["{not json", '{"a": ' * 3, "\ud800".encode("utf-16", "surrogatepass").decode("latin-1")]
)
def test_configs_that_cannot_be_read(bundle, text):
    (bundle / "configs" / "b.json").write_text(text, encoding="latin-1")
    write_hashes(bundle)
    assert "cannot be read" in dangers(bundle)[0]


@pytest.mark.parametrize(
    ("line", "evaluated"),
    [
        ("args=(sys.stdout,)", False),
        ("args=('log.txt', 'a')", False),
        ("class=logging.handlers.RotatingFileHandler", False),
        ("args=(__import__('os').system('id'),)", True),
        ("args=(sys.modules,)", True),
        ("kwargs={'a': open('b')}", True),
        ("class=eval", True),
        ("class=__import__('os').system", True),
        ("class=os.StreamHandler", True),
    ],
)
def test_a_logging_configuration_that_evaluates(bundle, line, evaluated):
    path = bundle / "configs" / "logging.conf"
    field = line.partition("=")[0]
    kept = [text for text in path.read_text().splitlines() if not text.startswith(field + "=")]
    place = kept.index("[handler_consoleHandler]") + 1
    path.write_text("\n".join([*kept[:place], line, *kept[place:]]))
    write_hashes(bundle)
    found = dangers(bundle)
    assert ["would be evaluated" in text for text in found] == [True] * evaluated


# weights and code


@pytest.mark.parametrize(
    ("code", "danger"),
    [
        ("import numpy as np\nfrom .other import f\nimport os\nos.replace('a', 'b')\n", None),
        ("import subprocess\n", "imports subprocess"),
        ("def f():\n    from ctypes import CDLL\n", "line 2"),
        ("import os as o\no.system('id')\n", "calls os.system"),
        ("import torch\ntorch.load('a', weights_only=True)\n", None),
        ("import torch\ntorch.load('a', weights_only=False)\n", "calls torch.load"),
        ("from numpy import load as f\nf('a', allow_pickle=True)\n", "calls numpy.load"),
        ("exec('1')\n", "calls exec"),
        ("from fire.parser import DefaultParseValue as f\nf('1')\n", None),
        ("from fire.parser import DefaultParseValue, sys\n", "imports fire.parser"),
        ("import fire.parser\nfire.Fire(print)\n", "imports fire.parser"),
        ("def broken(:\n", "cannot be parsed"),
        ("# coding: utf-7\n# +AAo-import subprocess\n", "imports subprocess"),  # as Python reads that encoding
        ("# coding: unheard_of\n", "cannot be parsed"),
    ],
)
def test_code_of_the_bundle(bundle, code, danger, witness):
    (bundle / "scripts").mkdir()
    (bundle / "scripts" / "own.py").write_text(f"{code}\n")
    write_hashes(bundle)
    found = dangers(bundle)
    assert (danger is None and not found) or any(danger in text for text in found)
    if danger is None:
        assert "code of its own" in format_findings(inspect_bundle(bundle))


@pytest.mark.parametrize("name", ["lib.so", "run.sh", "scripts/__pycache__/a.pyc", "large_files.yml"])
def test_programs_and_downloads(bundle, name):
    (bundle / name).parent.mkdir(parents=True, exist_ok=True)
    (bundle / name).write_text("large_files: []")
    write_hashes(bundle)
    assert [text.split(":")[0] for text in dangers(bundle)] == [name]


# hashes


def test_hashes_tell_of_changes(bundle):
    (bundle / "models" / "model.pt").write_bytes((bundle / "models" / "model.pt").read_bytes() + b"x")
    (bundle / "configs" / "metadata.json").unlink()
    (bundle / "added.txt").touch()
    assert [t for t in dangers(bundle) if "model.pt" not in t] == [
        "configs/metadata.json: is not there: this is no bundle",
        "added.txt: has no hash",
        "configs/metadata.json: is missing",
    ]
    assert "models/model.pt: was changed" in dangers(bundle)
    (bundle / "hashes.json").write_text("[1")
    assert "hashes.json: cannot be read" in dangers(bundle)[-1]


def test_what_a_bundle_wrote_itself_does_not_spoil_it(bundle):
    """``inference.json`` writes there where no folder is named; a program there is one all the same."""
    (bundle / "predictions").mkdir()
    for name in ("a_mask.png", "a_instances.tif", "a.geojson", "a.csv"):
        (bundle / "predictions" / name).touch()
    assert dangers(bundle) == []
    (bundle / "predictions" / "code.py").touch()
    assert any("predictions/code.py: has no hash" in line for line in dangers(bundle))


def test_without_hashes_it_is_said(bundle):
    (bundle / "hashes.json").unlink()
    assert any("nothing says whether files were changed" in f.what for f in inspect_bundle(bundle))


def test_a_link_in_a_folder(bundle):
    (bundle / "configs" / "b.json").symlink_to("/etc/hostname")
    assert "configs/b.json: is a link to /etc/hostname" in dangers(bundle)


@pytest.mark.parametrize(("name", "message"), [("nothing", "no such file or folder"), ("broken.zip", "is no zip")])
def test_what_is_no_bundle(tmp_path, name, message):
    (tmp_path / "broken.zip").write_bytes(b"PK but no zip")
    with pytest.raises(InputError, match=message):
        inspect_bundle(tmp_path / name)


@pytest.mark.parametrize("held", ["bundles", "images"])
def test_a_folder_that_is_plainly_something_else(bundle, held, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    if held == "bundles":
        shutil.copytree(bundle, folder / "mani_unet")
    else:
        (folder / "a.png").write_bytes(b"")
    remedy = {"bundles": rf"\(mani_unet\); name {folder}/mani_unet\.$", "images": "holds images and is no bundle"}[held]
    for opened in (lambda: inspect_bundle(folder), lambda: Model.open(folder)):
        with pytest.raises(InputError, match=f"^{folder}: .*{remedy}"):
            opened()


# the command


@pytest.mark.parametrize("hostile", [False, True])
def test_the_command_says_so_by_its_exit_status(bundle, hostile, command_environment):
    if hostile:
        set_key(bundle, "metadata.json", "task", "$eval('1')")
    done = run_python([ROOT / "scripts" / "inspect_bundle.py", bundle], bundle, command_environment)
    assert done.returncode == int(hostile), done.stderr
    assert done.stdout.startswith("DANGER: of " if hostile else "Nothing dangerous found")
    assert len(done.stdout.splitlines()) == 2 + hostile
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "name", [".DS_Store", "models/._model.pt", "__MACOSX/configs/._train.py", "Thumbs.db", "desktop.ini"]
)
def test_leftovers_of_systems_are_no_danger(bundle, name):
    path = bundle / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0\5\x16\7\0\2")
    assert dangers(bundle) == []
    path.rename(path.with_name("model.pkl"))
    assert len(dangers(bundle)) == 2
