"""A bundle's own config: its folder's images, what lies below it, and bad images left out and named."""

from __future__ import annotations

import numpy as np
import pytest
from monai.data import DataLoader
from PIL import Image

from mani_monai.data.readers import FolderImages, LoadTissued, ReadableImages

SUFFIXES = [".png", ".tif"]


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_images_in_order_without_leftovers(tmp_path):
    touch(tmp_path / "b.PNG", tmp_path / "a.tif", tmp_path / "._a.tif", tmp_path / ".c.png", tmp_path / "notes.txt")
    images = FolderImages(tmp_path, SUFFIXES)
    assert images == [str(tmp_path / "a.tif"), str(tmp_path / "b.PNG")]
    assert images.left_out == ""


def test_images_of_subfolders_are_named(tmp_path):
    touch(tmp_path / "a.png", tmp_path / "late" / "b.png", tmp_path / "out" / "a_mask.png")
    images = FolderImages(str(tmp_path), SUFFIXES, str(tmp_path / "out"))
    line = "left out: 1 image in late (1): subfolders are not searched; name one with --image_dir."
    assert images.left_out == line
    (tmp_path / "a.png").unlink()
    refused = FolderImages(tmp_path, SUFFIXES).refusal
    assert refused.startswith(f"{tmp_path}: no PNG, TIFF, JPEG or BMP images there; name one of {tmp_path / 'late'}, ")


def test_a_folder_that_is_not_there_has_none(tmp_path):
    images = FolderImages(tmp_path / "none", SUFFIXES)
    assert not images
    remedy = "name their folder with --image_dir."
    assert images.refusal == f"{tmp_path / 'none'}: no PNG, TIFF, JPEG or BMP images there; {remedy}"


@pytest.fixture
def items(tmp_path):
    pixels = np.random.default_rng(0).integers(100, 200, (20, 30, 3), np.uint8)
    for name in ("a.png", "b.png", "c\nd.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    return [{"image": str(tmp_path / name)} for name in ("a.png", "cut.png", "none.png", "c\nd.png", "b.png")]


def test_bad_images_are_left_out_and_named(items, tmp_path):
    images = ReadableImages(items, LoadTissued("image", reverse_indexing=False), progress=False)
    assert [item["image"].meta["filename_or_obj"] for item in images] == [items[0]["image"], items[4]["image"]]
    assert len(DataLoader(images, batch_size=1)) == 2
    cut, none, broken, count = images.last_lines.splitlines()
    assert cut.startswith(f"failed: {tmp_path}/cut.png: cannot be decoded")
    assert none == f"failed: {tmp_path}/none.png: does not exist."
    assert broken.startswith(f"failed: {tmp_path}/c\\nd.png: has a name with a line break")
    assert count == "5 images: 2 done, 3 failed"


def test_nothing_is_said_where_all_can_be_read(items):
    images = ReadableImages(items[:1], progress=False)
    assert (len(images), images.last_lines) == (1, "")


def test_none_that_can_be_read_is_an_empty_data_set(items):
    images = ReadableImages(items[1:3], progress=False)
    assert list(DataLoader(images, batch_size=1)) == []
    assert images.last_lines.endswith("2 images: 0 done, 2 failed")


def test_images_whose_results_would_share_a_name_on_many_disks_are_left_out(tmp_path):
    for name in ("A.png", "a.png", "b.png"):
        Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(tmp_path / name)
    images = ReadableImages([{"image": str(tmp_path / name)} for name in ("A.png", "a.png", "b.png")], progress=False)
    assert [item["image"] for item in images.data] == [str(tmp_path / "A.png"), str(tmp_path / "b.png")]
    (line,) = images.refused
    assert line == f"{tmp_path}/a.png: differs from {tmp_path}/A.png in case alone, which many disks pass over; " + (
        "rename one of the two."
    )
