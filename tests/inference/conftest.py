"""A narrow U-Net as an exported bundle, and a folder of pictures of odd sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from exports import picture
from PIL import Image
from tiny_export import export_unet

from mani_monai.bundle.export import Exported

SIZES = {"square.png": (64, 64), "wide.tif": (70, 141), "tall.jpg": (133, 66), "small.png": (9, 5)}


@pytest.fixture(scope="session")
def exported(toy_dir, tmp_path_factory) -> Exported:
    """Folder and zip."""
    return export_unet(toy_dir, tmp_path_factory.mktemp("exported"))


@pytest.fixture
def images(tmp_path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for seed, (name, size) in enumerate(SIZES.items()):
        Image.fromarray(picture(*size, seed)).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    """Sums are in another order on more threads."""
    torch.set_num_threads(1)
