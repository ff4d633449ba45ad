"""Every fault that the zoo's verification looks for is found when it is made on purpose."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
import torch
from zoo import importable, zoo_faults


def edit(folder, file, change):
    path = folder / "configs" / file
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def channels(metadata):
    metadata["network_data_format"]["outputs"]["pred"]["num_channels"] = 3


FAULTS = {
    "license": (lambda f: (f / "LICENSE").unlink(), "LICENSE: is missing"),
    "weights": (lambda f: (f / "models" / "model.pt").unlink(), "models/model.pt: is missing"),
    "readme": (lambda f: (f / "docs" / "README.md").unlink(), "docs/README.md: is missing"),
    "version": (
        lambda f: edit(f, "metadata.json", lambda m: m.update(version="9.9.9")),
        "version: 9.9.9 is missing",
    ),
    "name": (
        lambda f: edit(f, "metadata.json", lambda m: m.pop("name")),
        "version: 'name' is missing",
    ),
    "schema": (lambda f: edit(f, "metadata.json", lambda m: m.pop("task")), "metadata: 'task' is a required"),
    "key": (lambda f: edit(f, "inference.json", lambda c: c.pop("output_dir")), "keys: 'output_dir' is missing"),
    "property": (lambda f: edit(f, "inference.json", lambda c: c.pop("evaluator")), "properties: \"Property 'evalu"),
    "network": (lambda f: edit(f, "metadata.json", channels), "network: output channel number"),
    "state": (lambda f: torch.save({}, f / "models" / "model.pt"), "TorchScript: "),
    "script": (lambda f: (f / "models" / "model.ts").write_bytes(b"no"), "TorchScript: "),
}


def test_a_bundle_without_a_fault(exported, schema):
    assert zoo_faults(exported.folder, schema) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault, exported, schema, tmp_path):
    folder = tmp_path / "mani_unet"
    shutil.copytree(exported.folder, folder)
    make, message = FAULTS[fault]
    make(folder)
    found = zoo_faults(folder, schema, only=[message.partition(":")[0]])
    assert any(message in line for line in found), found
    assert all("\n" not in line for line in found)


def test_a_bundles_scripts_are_seen_while_it_is_looked_at(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "scripts").mkdir(parents=True)
        (tmp_path / name / "scripts" / "__init__.py").write_text(f"NAME = {name!r}\n")
    path, modules = list(sys.path), {name for name in sys.modules if name.split(".")[0] == "scripts"}
    for name in ("a", "b"):
        with importable(tmp_path / name):
            import scripts

            assert name == scripts.NAME
    assert sys.path == path
    assert {name for name in sys.modules if name.split(".")[0] == "scripts"} == modules
