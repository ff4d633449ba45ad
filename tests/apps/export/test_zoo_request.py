"""The folders of a pull request to the zoo: what its verification asks, its template, and a unit test that runs."""

from __future__ import annotations

import json
import os
import re

import pytest
from tiny_export import export_unet
from warm_python import run_python
from zoo import zoo_faults

from mani_monai.apps.export import zoo_request as module
from mani_monai.apps.export.export_bundle import Exported
from mani_monai.apps.export.zoo_request import VERSIONS, lowered, zoo_request
from mani_monai.utils import InputError
from mani_monai.utils.archive import files_of
from mani_monai.utils.folders import file_hash

UTILS = """
def check_workflow(workflow, check_properties):
    workflow.initialize()
    if check_properties:
        assert not workflow.check_properties()
    workflow.run()
    workflow.finalize()
"""
"""What the zoo's own utils do with a workflow."""
HEADINGS = ("### **Authors**", "### **Tags**", "## **Model Description**", "## **Data**", "#### **Preprocessing**")
HEADINGS += ("## **Performance**", "## **System Configuration**", "## **Limitations**", "## **References**")


@pytest.fixture(scope="module")
def exported(toy_dir, tmp_path_factory) -> Exported:
    return export_unet(toy_dir, tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def request_folder(exported, tmp_path_factory):
    out = tmp_path_factory.mktemp("zoo")
    assert zoo_request(exported.folder, out) == out / "models" / "mani_unet"
    return out


def test_the_zoo_finds_no_fault(request_folder, schema):
    assert zoo_faults(request_folder / "models" / "mani_unet", schema) == []


def test_it_is_the_export_but_for_versions_and_readme(request_folder, exported):
    folder = request_folder / "models" / "mani_unet"
    files, before = files_of(folder), files_of(exported.folder)
    assert files.keys() == before.keys()
    changed = {name for name in files if files[name].read_bytes() != before[name].read_bytes()}
    assert changed == {"configs/metadata.json", "docs/README.md", "hashes.json"}
    hashes = json.loads((folder / "hashes.json").read_text())
    assert hashes == {name: file_hash(path) for name, path in files.items() if name != "hashes.json"}


def test_versions_are_lowered_to_the_zoos_python(request_folder, exported):
    """Those of the export itself depend on where it was made."""
    folders = (request_folder / "models" / "mani_unet", exported.folder)
    made, before = (json.loads((folder / "configs" / "metadata.json").read_text()) for folder in folders)
    assert made["numpy_version"] == lowered("numpy", before["numpy_version"])
    named, packages = made["required_packages_version"], before["required_packages_version"]
    assert named == {name: lowered(name, version) for name, version in packages.items()}
    assert VERSIONS.keys() - {"numpy"} <= named.keys()


def test_a_version_is_never_raised():
    assert lowered("numpy", "2.5.1") == lowered("numpy", "2.10.0") == lowered("numpy", "2.2.6") == "2.2.6"
    assert lowered("numpy", "2.2.5") == "2.2.5"
    assert lowered("scipy", "1.9.3") == "1.9.3"
    assert lowered("torch", "2.13.0") == "2.13.0"


def test_the_readme_is_the_zoos_template(request_folder):
    text = (request_folder / "models" / "mani_unet" / "docs" / "README.md").read_text()
    positions = [text.index(heading) for heading in HEADINGS]
    assert positions == sorted(positions)
    assert "| toy_source | source |" in text
    assert "Not a medical device" in text or "no medical device" in text
    assert not re.search(r"\{\w+\}", text)


def test_the_unit_test_runs_from_the_zoos_root(request_folder, command_environment):
    tests = request_folder / "ci" / "unit_tests"
    (tests / "utils.py").write_text(UTILS)
    environment = {**command_environment, "PYTHONPATH": ""}  # the bundle carries what it needs
    done = run_python([tests / "test_mani_unet.py"], request_folder, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ran 1 test" in done.stderr
    assert os.listdir(tests).count("test_mani_unet.py") == 1


def test_large_files_are_named_with_their_hash(exported, tmp_path, monkeypatch):
    weights = exported.folder / "models" / "model.pt"
    monkeypatch.setattr(module, "LARGEST", weights.stat().st_size - 1)
    with pytest.raises(InputError, match=r"models/model\.pt: has .* MiB and the zoo keeps 25; .* --zoo_url"):
        zoo_request(exported.folder, tmp_path)
    folder = zoo_request(exported.folder, tmp_path, "https://example.org/weights/")
    assert not (folder / "models" / "model.pt").exists()
    assert (folder / "large_files.yml").read_text() == (
        'large_files:\n  - path: "models/model.pt"\n    url: "https://example.org/weights/model.pt"\n'
        f'    hash_val: "{file_hash(weights)}"\n    hash_type: "sha256"\n'
    )
    assert json.loads((folder / "hashes.json").read_text())["models/model.pt"] == file_hash(weights)
    assert weights.is_file()
