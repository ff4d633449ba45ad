import os
from pathlib import Path

import pytest

from mani_monai.data.readers.records import check_folder, files_by_stem, pair, paths_in, read_csv
from mani_monai.utils import InputError


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_files_by_stem_passes_over_what_is_no_image(tmp_path):
    wanted = tmp_path / "b.PNG"
    touch(
        wanted, tmp_path / "a.txt", tmp_path / "._b.png", tmp_path / "__MACOSX" / "c.png", tmp_path / "deep" / "d.png"
    )
    problems = []
    assert files_by_stem([tmp_path], (".png",), problems) == {"b": wanted}
    assert list(files_by_stem([tmp_path], (".png",), problems, deep=True)) == ["b", "d"]
    assert problems == []


def test_leftovers_of_systems_are_no_images(tmp_path):
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "ehthumbs.db"):
        touch(tmp_path / name)
    touch(tmp_path / "@eaDir" / "a.png", tmp_path / "$RECYCLE.BIN" / "b.png", tmp_path / "__MACOSX" / "c.png")
    touch(tmp_path / "Icon\r", tmp_path / "a.png")
    assert paths_in(tmp_path) == paths_in(tmp_path, deep=True) == [tmp_path / "a.png"]


def test_a_leftovers_name_above_the_folder_says_nothing(tmp_path):
    touch(tmp_path / ".hidden" / "a.png")
    assert paths_in(tmp_path / ".hidden") == [tmp_path / ".hidden" / "a.png"]


def test_names_in_both_normal_forms_are_one(tmp_path):
    composed, split = "M\u00fcller", "Mu\u0308ller"
    touch(tmp_path / "x" / f"{composed}.png", tmp_path / "y" / f"{split}.png")
    problems = []
    images, masks = (files_by_stem([tmp_path / part], (".png",), problems) for part in "xy")
    assert pair(images, masks, problems) == [composed]
    assert problems == []
    files_by_stem([tmp_path / "x", tmp_path / "y"], (".png",), problems)
    assert "stands for the same image" in problems[0]


def test_a_name_in_other_bytes_is_refused_in_a_line_that_can_be_printed(tmp_path):
    touch(tmp_path / "a.png")
    os.close(os.open(os.fsencode(tmp_path) + b"/gr\xfcn.png", os.O_CREAT))
    problems = []
    assert list(files_by_stem([tmp_path], (".png",), problems)) == ["a"]
    assert problems == [rf"{tmp_path}/gr\xfcn.png: has a name that is not UTF-8; rename it."]
    problems[0].encode("utf-8")


@pytest.mark.parametrize("deep", [True, False])
def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch, deep):
    def refuse(self, *args):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "rglob" if deep else "iterdir", refuse)
    with pytest.raises(InputError, match=rf"^{tmp_path}: may not be read; mend the folder's permissions\.$"):
        paths_in(tmp_path, deep)
    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(InputError, match=rf"^{tmp_path}: may not be read; mend the permissions"):
        check_folder(tmp_path, "x")


def test_two_files_of_one_image_are_a_problem(tmp_path):
    touch(tmp_path / "x" / "a.png", tmp_path / "y" / "a.tif")
    problems = []
    found = files_by_stem([tmp_path / "x", tmp_path / "y"], (".png", ".tif"), problems)
    assert found == {"a": tmp_path / "x" / "a.png"}
    assert len(problems) == 1
    assert str(tmp_path / "y" / "a.tif") in problems[0]
    assert str(tmp_path / "x" / "a.png") in problems[0]


def test_pair_names_what_stands_alone(tmp_path):
    problems = []
    images = {"a": tmp_path / "a.png", "b": tmp_path / "b.png"}
    masks = {"b": tmp_path / "b_mask.png", "c": tmp_path / "c_mask.png"}
    assert pair(images, masks, problems) == ["b"]
    assert problems == [
        f"{tmp_path / 'a.png'}: has no mask; add it, or remove the image.",
        f"{tmp_path / 'c_mask.png'}: is a mask without its image; add the image, or remove the mask.",
    ]


def test_check_folder(tmp_path):
    touch(tmp_path / "file")
    assert check_folder(str(tmp_path), "x") == tmp_path
    with pytest.raises(InputError, match=r"gone: does not exist; name the folder that holds cats"):
        check_folder(tmp_path / "gone", "cats")
    with pytest.raises(InputError, match="is a file"):
        check_folder(tmp_path / "file", "cats")


def test_a_table_of_a_spreadsheet_has_a_mark_before_its_first_line(tmp_path):
    (tmp_path / "a.csv").write_text("image,group\nx,1\n", encoding="utf-8-sig")
    assert read_csv(tmp_path / "a.csv", ("image", "group")) == [{"image": "x", "group": "1"}]


def test_a_table_of_another_encoding_is_named(tmp_path):
    (tmp_path / "a.csv").write_bytes("image,group\nMüller,1\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.csv: is not UTF-8 .*; save it as CSV UTF-8\."):
        read_csv(tmp_path / "a.csv", ("image", "group"))


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_cells_are_stripped_whatever_separates_them(tmp_path, mark):
    lines = [[" Image", "organ ", "GROUP"], ["x ", " a, b" if mark != "," else "c", "\u00a01 "], ["", "", ""]]
    (tmp_path / "a.csv").write_text("\r\n".join(mark.join(line) for line in lines), encoding="utf-8")
    (row,) = read_csv(tmp_path / "a.csv", ("image", "group"))
    assert (row["image"], row["group"]) == ("x", "1")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("image|group\nx|1\n", "needs a first line image,group and a line for each image, with commas between cells"),
        ("image,group\n", "needs a first line"),
        ("", "needs a first line"),
        ("image,group\nx,1,2\n", "the line of x has 3 cells, the first line 2; mend it"),
    ],
)
def test_tables_that_are_none(tmp_path, text, line):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=rf"a\.csv: {line}"):
        read_csv(tmp_path / "a.csv", ("image", "group"))


def test_a_short_line_has_empty_cells(tmp_path):
    (tmp_path / "a.csv").write_text("image,group\nx\n")
    assert read_csv(tmp_path / "a.csv", ("image", "group")) == [{"image": "x", "group": ""}]
