"""A clean bundle to be spoilt, and a witness of code that ran."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mani_monai.apps.export.carried_modules import renamed
from mani_monai.utils.archive import write_hashes

CONFIGS = Path(__file__).parents[3] / "bundles" / "mani_unet" / "configs"


@pytest.fixture
def witness(tmp_path):
    """A file that hostile code would make; checked after each test."""
    path = tmp_path / "code_ran"
    yield path
    assert not path.exists(), "something of the bundle was executed"


@pytest.fixture
def bundle(tmp_path):
    """A clean bundle: real configs, tensors, hashes."""
    folder = tmp_path / "bundle"
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    for name in ("inference.json", "metadata.json", "logging.conf"):
        (folder / "configs" / name).write_text(renamed((CONFIGS / name).read_text()))
    metadata = json.loads((CONFIGS / "metadata.json").read_text())
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))  # which names this project's modules
    torch.save({"weight": torch.zeros(2)}, folder / "models" / "model.pt")
    write_hashes(folder)
    return folder
