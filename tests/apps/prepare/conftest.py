"""A small data set as a laboratory hands it over."""

from __future__ import annotations

import pytest
from PIL import Image
from raw_images import tile


@pytest.fixture
def raw(tmp_path):
    """Six images with masks."""
    for part in ("images", "masks"):
        (tmp_path / "raw" / part).mkdir(parents=True)
    for index in range(6):
        image, mask = tile(index)
        Image.fromarray(image).save(tmp_path / "raw" / "images" / f"i{index}.png")
        Image.fromarray(mask).save(tmp_path / "raw" / "masks" / f"i{index}.png")
    return tmp_path / "raw"
