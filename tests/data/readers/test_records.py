import pytest

from mani_monai.data.readers.records import check_folder, files_by_stem, pair, read_csv
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
