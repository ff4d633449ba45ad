"""Every version that a request to the zoo names exists for the Python that the zoo runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mani_monai.apps.export.zoo_request import zoo_request
from mani_monai.utils.places import place_of

PYTHON = "3.10"
PACKAGES = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}


@pytest.mark.slow
def test_they_exist(tmp_path):
    folder = zoo_request(place_of("pretrained") / "mani_unet", tmp_path / "zoo")
    metadata = json.loads((folder / "configs" / "metadata.json").read_text())
    named = {package: metadata[key] for key, package in PACKAGES.items()} | metadata["required_packages_version"]
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet"]
    place = ["--python-version", PYTHON, "--only-binary", ":all:", "--target", str(tmp_path / "none")]
    pins = [f"{package}=={version}" for package, version in named.items()]
    done = subprocess.run([*pip, *place, *pins], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
