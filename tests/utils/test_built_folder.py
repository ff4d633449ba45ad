"""What killed processes leave, and who may clear it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from raw_images import hidden

from mani_monai.utils import built_folder
from mani_monai.utils.built_folder import building, move_to


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def leave(place: Path, name: str, process: int, kind: str, host: str | None = None) -> Path:
    host = built_folder._HOST if host is None else host
    folder = place / f".{name}.{host}-{process}.{kind}"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.png").touch()
    return folder


def test_what_a_killed_preparation_left_is_cleared(tmp_path, dead):
    leave(tmp_path, "mine", dead, "partial")
    (tmp_path / "mine").mkdir()
    leave(tmp_path, "mine", dead, "old")
    with building(tmp_path / "mine") as new:
        assert hidden(tmp_path) == []
        new.mkdir()
    assert hidden(tmp_path) == []
    assert not list((tmp_path / "mine").iterdir())


def test_a_data_set_that_was_moved_away_goes_back(tmp_path, dead):
    leave(tmp_path, "mine", dead, "old")
    with building(tmp_path / "mine"):
        assert (tmp_path / "mine" / "images" / "a.png").is_file()


@pytest.mark.parametrize("name", ["mine[1]", "a**b"])
def test_a_name_is_no_pattern(tmp_path, dead, name):
    leave(tmp_path, name, dead, "partial")
    with building(tmp_path / name):
        assert hidden(tmp_path) == []


def test_a_link_gives_way_and_what_it_names_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    (tmp_path / "mine").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with building(tmp_path / "mine") as new:
        new.mkdir()
        move_to(tmp_path / "mine", new)
    assert not (tmp_path / "mine").is_symlink()
    assert (tmp_path / "elsewhere" / "kept").is_file()
    assert hidden(tmp_path) == []


def test_others_are_left_alone(tmp_path, dead):
    others = [
        leave(tmp_path, "mine", os.getppid(), "partial"),
        leave(tmp_path, "mine", dead, "partial", host="elsewhere"),
        leave(tmp_path, "mine.x", dead, "partial"),
        leave(tmp_path, "mine", dead, "kept"),
    ]
    with building(tmp_path / "mine"):
        pass
    assert all((folder / "images" / "a.png").is_file() for folder in others)


def test_a_data_set_takes_its_place_whole(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "old").touch()
    with building(tmp_path / "mine") as new:
        new.mkdir()
        (new / "dataset.json").touch()
        move_to(tmp_path / "mine", new)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["dataset.json"]
    assert hidden(tmp_path) == []


def test_an_older_folder_outlives_a_new_one_that_cannot_be_moved(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "old").touch()
    rename = Path.rename

    def refuse(self, target):
        if self.name.endswith(".partial"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with building(tmp_path / "mine") as new:
        new.mkdir()
        with pytest.raises(OSError, match="No space"):
            move_to(tmp_path / "mine", new)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["old"]
    assert hidden(tmp_path) == []
