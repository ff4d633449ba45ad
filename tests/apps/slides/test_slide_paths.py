"""Which files of a folder are slides, and which cannot be named."""

from __future__ import annotations

import pytest

from mani_monai.apps.slides.slide_paths import slide_paths, slides_below
from mani_monai.utils import InputError


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_of_dicom_files_are_slides_each(tmp_path):
    touch(tmp_path / "b" / "2.dcm", tmp_path / "b" / "3.dcm", tmp_path / "c.svs", tmp_path / "__MACOSX" / "._2.dcm")
    touch(tmp_path / "b" / "._2.dcm")
    assert slide_paths(tmp_path) == ([tmp_path / "b" / "2.dcm", tmp_path / "c.svs"], [])


def test_slides_of_one_name_are_said(tmp_path):
    touch(tmp_path / "a" / "1.dcm", tmp_path / "b" / "1.dcm", tmp_path / "1.svs")
    found, twins = slide_paths(tmp_path)
    assert found == [tmp_path / "1.svs"]
    assert [line.partition(": ")[0] for line in twins] == [str(tmp_path / folder / "1.dcm") for folder in "ab"]
    assert all(f"stands for the same slide as {tmp_path}/1.svs" in line for line in twins)


@pytest.mark.parametrize("alone", [True, False])
def test_a_name_with_a_line_break(tmp_path, alone):
    path = tmp_path / "a\nb.svs"
    touch(path)
    found, faults = slide_paths(path if alone else tmp_path)
    assert found == []
    assert faults == [f"{tmp_path}/a\\nb.svs: has a name with a line break or another control character; rename it."]


def test_no_slides(tmp_path):
    with pytest.raises(InputError, match="holds no slides"):
        slide_paths(tmp_path)
    with pytest.raises(InputError, match="is not there"):
        slide_paths(tmp_path / "none")
    (tmp_path / "batch" / "slides").mkdir(parents=True)
    (tmp_path / "batch" / "slides" / "a.svs").touch()
    with pytest.raises(InputError, match=f"; name {tmp_path / 'batch' / 'slides'}, where there are some"):
        slide_paths(tmp_path)


def test_slides_in_subfolders_are_said_to_be_left_out(tmp_path):
    touch(tmp_path / "a.svs", tmp_path / "series" / "1.dcm", tmp_path / "week" / "b.svs", tmp_path / "out" / "o.jpg")
    (line,) = slides_below(tmp_path, (tmp_path / "out",))
    assert line == "1 slide file in week (1): subfolders are not searched; name one with --slides."
    assert slides_below(tmp_path / "a.svs") == ()


def test_slides_that_differ_in_case_alone_are_said(tmp_path):
    touch(tmp_path / "s.svs", tmp_path / "S.tif", tmp_path / "b" / "S.dcm")
    found, twins = slide_paths(tmp_path)
    assert found == [tmp_path / "S.tif"]
    assert [line.partition(": ")[0] for line in twins] == [str(tmp_path / "s.svs"), str(tmp_path / "b" / "S.dcm")]
