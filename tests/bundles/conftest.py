"""Workflows and data that the tests of several bundles share."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest
from trainings import run


@pytest.fixture
def make_hovernet(make_workflow):
    """``make_workflow`` for the HoVer-Net bundle."""
    return partial(make_workflow, bundle="mani_hovernet")


@pytest.fixture(scope="session")
def finished(make_workflow, tmp_path_factory) -> Path:
    """A run of the U-Net long enough to predict nuclei; nothing may write into it but evaluations."""
    folder = tmp_path_factory.mktemp("finished")
    run(make_workflow(folder, iterations=12, warmup=4, val_interval=3, crop_size=64, learning_rate=0.02))
    return folder


@pytest.fixture
def data_copy(toy_dir, tmp_path) -> Path:
    """The toy data, free to be changed."""
    return shutil.copytree(toy_dir, tmp_path / "data")
