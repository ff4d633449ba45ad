"""The folder of a bundle's own config: its images, what lies below it, and what is said where there is none."""

from __future__ import annotations

from mani_monai.data.readers import FolderImages

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
