"""Where below a folder lies what was looked for, and how a refusal names it."""

from __future__ import annotations

import pytest

from mani_monai.utils.subfolders import folders_below, remedy_below


def touch(top, *names):
    for name in names:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(("masks", "place"), [(False, "images"), (True, "masks")])
def test_the_folder_of_the_kind_is_named(tmp_path, masks, place):
    touch(tmp_path, "readme.txt", "images/a.PNG", "masks/a.png", "notes/b.txt")
    assert remedy_below(tmp_path, (".png",), "add some", masks) == f"name {tmp_path / place}, where there are some"


def test_a_folder_of_the_other_kind_is_better_than_none(tmp_path):
    touch(tmp_path, "gt_2020/a.png")
    assert folders_below(tmp_path, (".png",), masks=False) == [tmp_path / "gt_2020"]
    assert folders_below(tmp_path, (".png",)) == [tmp_path / "gt_2020"]


@pytest.mark.parametrize("name", ["labels", "a_label", "Ground GT", "instances-2", "annotations", "ground_truth"])
def test_names_of_masks(tmp_path, name):
    touch(tmp_path, f"{name}/a.png", "tissue/a.png")
    assert folders_below(tmp_path, (".png",), masks=False) == [tmp_path / "tissue"]


def test_the_shallowest_are_named_and_few_of_many(tmp_path):
    touch(tmp_path, *(f"patient_{k}/images/a.tif" for k in range(7)), "patient_0/images/deep/a.tif")
    first = ", ".join(str(tmp_path / f"patient_{k}" / "images") for k in range(5))
    said = remedy_below(tmp_path, (".tif",), "add some")
    assert said == f"name one of {first} or another of 7, where there are some"


def test_where_nothing_lies_below(tmp_path):
    touch(tmp_path, "a.png", ".hidden/a.png", "__MACOSX/a.png", "b/._a.png", "1/2/3/4/a.png")
    (tmp_path / "linked").symlink_to(tmp_path)
    assert remedy_below(tmp_path, (".png",), "add some") == "add some"
    assert folders_below(tmp_path / "none", (".png",)) == []


def test_folders_can_be_wanted_too(tmp_path):
    touch(tmp_path, "download/CoNSeP/Train/Images/a.png")
    found = folders_below(tmp_path, {"Train", "Test"}.__contains__)
    assert found == [tmp_path / "download" / "CoNSeP"]
