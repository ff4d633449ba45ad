"""What of a folder is an image, told from names alone."""

from __future__ import annotations

import pytest
from PIL import Image

from mani_monai.apps.adapt.target_folder import is_mask_name, list_target_images, prepared_mpp, target_name
from mani_monai.utils import InputError


def fill(folder, *names):
    for name in names:
        (folder / name).write_bytes(b"nobody opens this")


def ids(listing):
    return [record.id for record in listing.records]


def test_images_are_listed_without_masks(tmp_path):
    fill(tmp_path, "b.png", "a.TIF", "notes.txt", ".hidden.png")
    (tmp_path / "masks").mkdir()
    fill(tmp_path / "masks", "a.png")
    listing = list_target_images(tmp_path, "CC0")
    assert ids(listing) == ["a", "b"]
    assert all(record.read_mask is None for record in listing.records)
    assert (listing.licence, listing.left_out, listing.problems) == ("CC0", (), ())


@pytest.mark.parametrize("mask", ["a_mask", "a-label", "a.gt", "a_Instances", "mask_a", "a seg", "groundtruth_a"])
def test_a_mask_among_the_images_is_left_out_by_its_name(tmp_path, mask):
    fill(tmp_path, "a.tif", "b.tif", f"{mask}.png")
    listing = list_target_images(tmp_path)
    assert ids(listing) == ["a", "b"]
    (line,) = listing.left_out
    assert line.startswith(str(tmp_path / mask))
    assert "was not opened" in line


@pytest.mark.parametrize("name", ["a_mask", "label_3", "masked", "gta"])
def test_an_image_whose_name_only_sounds_like_a_mask_is_kept(tmp_path, name):
    """There is no file that it could be the mask of."""
    assert not is_mask_name(name, {name, "b"})


def test_two_files_of_one_image_are_both_left_alone(tmp_path):
    """x.tif may be the image and x.png its mask, or the other way round."""
    fill(tmp_path, "a.tif", "x.png", "x.tif")
    listing = list_target_images(tmp_path)
    assert ids(listing) == ["a"]
    (line,) = listing.problems
    assert "x.png and x.tif stand for the same image" in line


def test_a_folder_without_images_is_refused(tmp_path):
    fill(tmp_path, "notes.txt")
    with pytest.raises(InputError, match="holds no images"):
        list_target_images(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        list_target_images(tmp_path / "nothing")
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        fill(tmp_path / part, "a.png")
    with pytest.raises(InputError, match=f"holds no images .*; name {tmp_path / 'images'}, where there are some"):
        list_target_images(tmp_path)


def test_a_prepared_data_set_is_a_folder_of_images(tmp_path):
    images = tmp_path / "kidney" / "images"
    images.mkdir(parents=True)
    Image.new("RGB", (20, 20)).save(images / "a.png")
    assert prepared_mpp(images) is None
    (tmp_path / "kidney" / "dataset.json").write_text('{"mpp": 0.5}')
    assert [record.image for record in list_target_images(tmp_path / "kidney").records] == [images / "a.png"]
    assert prepared_mpp(tmp_path / "kidney") == 0.5
    assert prepared_mpp(images) is None, "the files themselves say nothing"
    assert target_name(tmp_path / "kidney", "") == "kidney"


def test_images_in_subfolders_are_said_to_be_left_out(tmp_path):
    (tmp_path / "late").mkdir()
    fill(tmp_path, "a.png", "a_mask.png")
    fill(tmp_path / "late", "b.png", "c.tif")
    below, mask = list_target_images(tmp_path).left_out
    assert below == "2 images in late (2): subfolders are not searched; name one with --target."
    assert "was not opened" in mask


def test_images_that_differ_in_case_alone_are_both_left_alone(tmp_path):
    fill(tmp_path, "a.tif", "X.tif", "x.tif")
    listing = list_target_images(tmp_path)
    assert ids(listing) == ["a"]
    (line,) = listing.problems
    assert "X.tif and x.tif stand for the same image" in line
