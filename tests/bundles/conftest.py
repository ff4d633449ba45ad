"""Workflows and data that the tests of several bundles share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def make_hovernet(make_workflow):
    """``make_workflow`` for the HoVer-Net bundle, its encoder trained, since nothing here has weights to freeze."""

    def make(folder, *overlays, **overrides):
        return make_workflow(folder, *overlays, bundle="mani_hovernet", **{"freeze_encoder": False, **overrides})

    return make


@pytest.fixture
def data_copy(toy_dir, tmp_path) -> Path:
    """The toy data, free to be changed."""
    return shutil.copytree(toy_dir, tmp_path / "data")
