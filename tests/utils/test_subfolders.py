"""Where below a folder lies what was looked for, and how a refusal names it."""

from __future__ import annotations

import os
import socket

import pytest

from mani_monai.utils import subfolders
from mani_monai.utils.subfolders import folders_below, left_below, remedy_below


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


def test_what_is_left_out_below_is_counted_by_folder(tmp_path):
    touch(tmp_path, "a.png", "notes/b.txt", "p1/a.png", "p1/b.PNG", "p1/deep/c.tif", "p2/d.png", "p2/._d.png")
    (line,) = left_below(tmp_path, (".png", ".tif"), "image", "--images")
    assert line == "4 images in p1 (2), p1/deep (1), p2 (1): subfolders are not searched; name one with --images."


def test_one_is_one_and_of_many_folders_a_few_are_named(tmp_path):
    touch(tmp_path, "q/a.png")
    assert left_below(tmp_path, (".png",), "image", "--images")[0].startswith("1 image in q (1): ")
    touch(tmp_path, *(f"p{k}/a.png" for k in range(7)))
    (line,) = left_below(tmp_path, (".png",), "image", "--images")
    assert line.startswith("8 images in p0 (1), p1 (1), p2 (1), p3 (1), p4 (1) and 3 more: ")


def test_a_count_that_is_not_whole_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(subfolders, "_MOST_FOLDERS", 2)
    touch(tmp_path, *(f"p{k}/a.png" for k in range(3)))
    assert left_below(tmp_path, (".png",), "image", "--images")[0].startswith("at least 2 images in p0 (1), p1 (1): ")


def test_masks_results_and_folders_that_are_read_are_not_left_out(tmp_path):
    touch(tmp_path, "masks/a.png", "out/deep/a.png", "nuclei/summary.json", "nuclei/a_mask.png", "1/a.dcm", "1/2/b.dcm")
    (line,) = left_below(tmp_path, (".png", ".dcm"), "slide file", "--slides", (tmp_path / "out",), (".dcm",))
    assert line.startswith("1 slide file in 1/2 (1): ")
    touch(tmp_path / "none", "masks/a.png")
    assert left_below(tmp_path / "none", (".png",), "image", "--images") == ()


def test_what_is_named_like_a_file_and_is_none_is_said(tmp_path):
    touch(tmp_path, "a.png", "tiles.png/notes.txt", "full.png/b.png", ".hidden.png/b.txt")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/null")
    (tmp_path / "link.png").symlink_to("a.png")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(os.path.relpath(tmp_path / "door.png"))
        below, others = left_below(tmp_path, (".png",), "image", "--images")
    assert below.startswith("1 image in full.png (1): ")
    devices = [f"{name}.png (a pipe or a device)" for name in ("device", "door", "pipe")]
    assert others == f"{', '.join(devices)}, tiles.png (a folder): named like a file and not one; remove or rename it."
