"""A file is the old one or the new one, whole."""

from __future__ import annotations

import pytest

from mani_monai.utils import InputError
from mani_monai.utils.atomic import replacing


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
