"""What counts as a file of a folder, and what is refused."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import torch

from mani_monai.utils import InputError
from mani_monai.utils.files import load_tensors
from mani_monai.utils.folders import (
    check_folder,
    file_hash,
    files_by_stem,
    is_leftover,
    is_lfs_pointer,
    name_fault,
    on_any_disk,
    paths_in,
    replacing,
)

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize("name", [".DS_Store", "._a.png", "Thumbs.db", "THUMBS.DB", "desktop.ini", "__MACOSX/a.png"])
def test_what_systems_leave(name):
    assert is_leftover(Path("/data") / name, Path("/data"))


@pytest.mark.parametrize("name", ["a.png", "thumbs.png", "a/desktop.png", "MACOSX/a.png"])
def test_what_users_leave(name):
    assert not is_leftover(Path("/data/.hidden") / name, Path("/data/.hidden"))
    assert not is_leftover(Path(name))


def test_a_pointer_in_place_of_weights_is_called_one(tmp_path):
    path = tmp_path / "model.pt"
    path.write_text(POINTER)
    assert is_lfs_pointer(path)
    with pytest.raises(InputError, match=r"model\.pt: is a Git LFS pointer, not the file itself; .*git lfs pull\.$"):
        load_tensors(path)
    torch.save({}, path)
    assert not is_lfs_pointer(path)
    assert not is_lfs_pointer(tmp_path / "none")


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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_are_no_files_and_broken_links_stay_to_be_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")  # who opens it waits for ever
    (tmp_path / "broken.png").symlink_to(tmp_path / "none.png")
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    touch(tmp_path / "a.png")
    assert [path.name for path in paths_in(tmp_path)] == ["a.png", "broken.png", "round.png"]


def test_leftovers_of_systems_are_no_images(tmp_path):
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "ehthumbs.db"):
        touch(tmp_path / name)
    touch(tmp_path / "@eaDir" / "a.png", tmp_path / "$RECYCLE.BIN" / "b.png", tmp_path / "__MACOSX" / "c.png")
    touch(tmp_path / "Icon\r", tmp_path / "a.png")
    assert paths_in(tmp_path) == paths_in(tmp_path, deep=True) == [tmp_path / "a.png"]


def test_a_leftovers_name_above_the_folder_says_nothing(tmp_path):
    touch(tmp_path / ".hidden" / "a.png")
    assert paths_in(tmp_path / ".hidden") == [tmp_path / ".hidden" / "a.png"]


def test_a_name_in_other_bytes_is_refused_in_a_line_that_can_be_printed(tmp_path):
    touch(tmp_path / "a.png")
    os.close(os.open(os.fsencode(tmp_path) + b"/gr\xfcn.png", os.O_CREAT))
    problems = []
    assert list(files_by_stem([tmp_path], (".png",), problems)) == ["a"]
    assert problems == [rf"{tmp_path}/gr\xfcn.png: has a name that is not UTF-8; rename it."]
    problems[0].encode("utf-8")


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\tb", "a\x1b[31mb", "a\u2028b", "a\u2029b", "a\x85b", "a\x7fb"])
def test_a_name_that_breaks_a_line_is_refused_in_one(tmp_path, name):
    touch(tmp_path / "a.png", tmp_path / f"{name}.png")
    problems = []
    assert list(files_by_stem([tmp_path], (".png",), problems)) == ["a"]
    line = f"{tmp_path}/{name.encode('unicode_escape').decode()}.png: has a name with a line break or another control "
    assert problems == [line + "character; rename it."]
    assert len(problems[0].splitlines()) == 1


def test_names_of_any_script_are_fine():
    for name in ("grün", "細胞 核", "نواة", "a, b; [c] 'd' \"e\" =f", "\u202ea", "🔬", "a\u0301"):
        assert name_fault(name) is None


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


def test_check_folder(tmp_path):
    touch(tmp_path / "file")
    assert check_folder(str(tmp_path), "x") == tmp_path
    with pytest.raises(InputError, match=r"gone: does not exist; name the folder that holds cats"):
        check_folder(tmp_path / "gone", "cats")
    with pytest.raises(InputError, match="is a file"):
        check_folder(tmp_path / "file", "cats")


def test_a_files_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def write_until(error, path):
    """Writes half a file, then fails."""
    with replacing(path) as partial:
        partial.write_text("half")
        raise error


def test_file_appears_at_the_end_with_its_folder(tmp_path):
    path = tmp_path / "new" / "a.nii.gz"
    with replacing(path) as partial:
        partial.write_text("whole")
        assert partial.parent == path.parent
        assert partial.name.startswith(".")
        assert partial.name.endswith(".nii.gz")
        assert not path.exists()
        inode = partial.stat().st_ino
    assert path.stat().st_ino == inode, "a copy is not atomic"
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt(), InputError("told")])
def test_an_error_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(type(error)):
        write_until(error, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"a\.csv: cannot be written \(No space left on device\)") as refusal:
        write_until(OSError(28, "No space left on device"), tmp_path / "a.csv")
    assert "\n" not in str(refusal.value)


def test_a_file_in_the_folders_place_is_one_line(tmp_path):
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(InputError, match=r"a\.csv: cannot be written"):
        write_until(RuntimeError("it got this far"), tmp_path / "folder" / "a.csv")


@pytest.mark.parametrize(
    ("first", "second"), [("A", "a"), ("Stra\u00dfe", "STRASSE"), ("\u00fc", "u\u0308"), ("U\u0308b", "\u00fcB")]
)
def test_names_that_many_disks_take_for_one(tmp_path, first, second):
    assert on_any_disk(first) == on_any_disk(second)
    problems: list[str] = []
    for name in (first, second, "b"):
        (tmp_path / f"{name}.png").touch()
    found = files_by_stem([tmp_path], (".png",), problems)
    assert len(found) == 2
    (line,) = problems
    in_case_alone = "in case alone, which many disks pass over; rename one of the two."
    assert line.endswith(in_case_alone if first != "\u00fc" else "rename or remove one of the two.")
