import pytest

from mani_monai.data.readers.records import pair, read_csv
from mani_monai.utils import InputError
from mani_monai.utils.folders import files_by_stem


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_names_in_both_normal_forms_are_one(tmp_path):
    composed, split = "M\u00fcller", "Mu\u0308ller"
    touch(tmp_path / "x" / f"{composed}.png", tmp_path / "y" / f"{split}.png")
    problems = []
    images, masks = (files_by_stem([tmp_path / part], (".png",), problems) for part in "xy")
    assert pair(images, masks, problems) == [composed]
    assert problems == []
    files_by_stem([tmp_path / "x", tmp_path / "y"], (".png",), problems)
    assert "stands for the same image" in problems[0]


def test_pair_names_what_stands_alone(tmp_path):
    problems = []
    images = {"a": tmp_path / "a.png", "b": tmp_path / "b.png"}
    masks = {"b": tmp_path / "b_mask.png", "c": tmp_path / "c_mask.png"}
    assert pair(images, masks, problems) == ["b"]
    assert problems == [
        f"{tmp_path / 'a.png'}: has no mask; add it, or remove the image.",
        f"{tmp_path / 'c_mask.png'}: is a mask without its image; add the image, or remove the mask.",
    ]


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


def test_a_column_that_stands_twice_is_refused(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("image,group,Group\na,1,2\n")
    with pytest.raises(InputError, match=r"groups\.csv: has the column group twice"):
        read_csv(table, ("image", "group"))


def test_a_table_with_nul_characters_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"image,group\nx,p\0\ny,p\n")
    with pytest.raises(InputError, match=r"a\.csv: holds NUL characters"):
        read_csv(tmp_path / "a.csv", ("image", "group"))


@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_the_line_in_which_excel_names_the_separator_is_passed_over(tmp_path, line):
    (tmp_path / "a.csv").write_text(f"{line}image;group\nx;1\n", encoding="utf-8-sig", newline="")
    assert read_csv(tmp_path / "a.csv", ("image", "group")) == [{"image": "x", "group": "1"}]
