"""A narrow U-Net as an exported bundle, and a folder of pictures of odd sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from folder_runs import draw_images
from painted_model import painted_model

from mani_monai.model import Model


@pytest.fixture
def images(tmp_path) -> Path:
    return draw_images(tmp_path / "images")


@pytest.fixture(autouse=True)
def one_thread():
    """Sums are in another order on more threads."""
    torch.set_num_threads(1)


@pytest.fixture
def serve_painted(monkeypatch):
    """Serves a HoVer-Net whose maps are painted in the image, whatever bundle is named."""

    def serve(**options):
        monkeypatch.setattr(Model, "open", staticmethod(lambda *_: painted_model(**options)))

    return serve
