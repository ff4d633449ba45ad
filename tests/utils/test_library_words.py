"""The libraries that decode images print nothing of a damaged file, which is named in one line of ours."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image
from warm_python import run_python

from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError

READ = """
import sys
from mani_monai.data.readers.rasters import read_image
try:
    print(read_image(sys.argv[1]).pixels.shape)
except Exception as error:
    print(error)
"""
PIXELS = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)


@pytest.fixture
def damaged(tmp_path):
    """A TIFF whose strips libtiff cannot unpack."""
    path = tmp_path / "damaged.tif"
    Image.fromarray(PIXELS).save(path, compression="tiff_adobe_deflate")
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="Pillow hides its libtiff there")
def test_libtiff_prints_nothing(damaged, capfd):
    with pytest.raises(InputError, match=r"damaged\.tif: cannot be decoded"):
        read_image(damaged)
    assert capfd.readouterr() == ("", "")


def test_pillow_prints_nothing(tmp_path, command_environment):
    """Neither its warnings of tags and of size nor what it logs."""
    path = tmp_path / "tags.tif"
    Image.fromarray(PIXELS).save(path, dpi=(300, 300))
    content = path.read_bytes()
    entry = content.index(bytes([0x1A, 0x01, 0x05, 0x00]))  # XResolution, a ratio
    path.write_bytes(content[: entry + 4] + bytes([5, 0, 0, 0]) + content[entry + 8 :])
    with pytest.warns(UserWarning, match="had too many entries"):
        read_image(path)
    done = run_python(["-c", READ, str(path)], tmp_path, command_environment)
    assert (done.stdout, done.stderr) == ("(96, 96, 3)\n", "")
