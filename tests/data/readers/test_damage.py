"""Damage that decoders pass over, in pictures of noise and of glass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError

PICTURE = np.random.default_rng(0).integers(60, 220, (300, 400, 3), np.uint8)
FORMS = {
    "a.jpg": {"quality": 90},
    "optimised.jpg": {"quality": 90, "optimize": True},
    "progressive.jpg": {"quality": 90, "progressive": True},
    "a.png": {},
    "stored.png": {"compress_level": 0},
    "deflate.tif": {"compression": "tiff_adobe_deflate"},
    "lzw.tif": {"compression": "tiff_lzw"},
}


def saved(path: Path, picture: np.ndarray = PICTURE) -> Path:
    Image.fromarray(picture).save(path, **FORMS.get(path.name, {}))
    return path


@pytest.mark.parametrize("name", FORMS)
def test_a_stretch_of_zeros_is_refused(name, tmp_path):
    path = saved(tmp_path / name)
    read_image(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: .*copy it again"):
        read_image(path)


@pytest.mark.parametrize("tiled", [False, True])
def test_one_changed_byte_of_a_packed_tiff_is_refused(tiled, tmp_path):
    """Deflate without compression: every byte of the part is a pixel, and still decodes."""
    path = tmp_path / "a.tif"
    options = {"tile": (128, 128)} if tiled else {}
    tifffile.imwrite(path, PICTURE, photometric="rgb", compression="zlib", compressionargs={"level": 0}, **options)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="copy it again"):
        read_image(path)


def test_one_changed_byte_of_a_png_is_refused(tmp_path):
    path = saved(tmp_path / "stored.png")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="copy it again"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.jpg", "optimised.jpg", "progressive.jpg"])
def test_glass_may_be_zeros_in_a_jpeg(name, tmp_path):
    path = saved(tmp_path / name, np.full((1500, 1500, 3), 244, np.uint8))
    assert (read_image(path).pixels > 240).all()


def test_zeros_beside_the_picture_are_no_damage(tmp_path):
    """In a comment before it and after its end, as cameras and file systems leave them."""
    path = saved(tmp_path / "a.jpg")
    content = path.read_bytes()
    comment = b"\xff\xfe" + (2002).to_bytes(2, "big") + b"\xff\xda" + bytes(1998)
    path.write_bytes(content[:2] + comment + content[2:] + bytes(4096))
    assert read_image(path).pixels.shape == PICTURE.shape
