"""What killed preparations leave, and who may clear it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_images import hidden
from warm_python import run_python

from mani_monai.apps.prepare import dataset_folder
from mani_monai.apps.prepare.dataset_folder import building, move_to, place_of
from mani_monai.utils import InputError
from mani_monai.utils.one_line import STOPPED


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def leave(place: Path, name: str, process: int, kind: str, host: str | None = None) -> Path:
    host = dataset_folder._HOST if host is None else host
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


def test_a_place_that_may_not_be_looked_at(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(InputError, match=r"mine: may not be looked at \(Permission denied\); choose another --out"):
        place_of(tmp_path, "mine", False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_preparation_in_one_line(tmp_path, number, command_environment):
    """The signal comes once the first image is written."""
    images, out = tmp_path / "images", tmp_path / "data"
    images.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (50, 50, 3), np.uint8)
    Image.fromarray(noise).save(images / "000.png")
    for count in range(1, 6):
        os.link(images / "000.png", images / f"{count:03d}.png")
    code = (
        "import glob, os, sys\nfrom PIL import Image\nfrom mani_monai.__main__ import main\n"
        "write, sent = Image.Image.save, []\n"  # one signal: a second would meet the end of the first
        "def save(*words, **options):\n"
        "    write(*words, **options)\n"
        "    print(glob.glob('data/.x.*.partial/images/*'), flush=True)\n"
        f"    if not sent:\n        sent.append(1)\n        os.kill(os.getpid(), {int(number)})\n"
        "Image.Image.save = save\nmain(sys.argv[1:])"
    )
    words = ["-c", code, "prepare", "folder", "--images", images, "--name", "x", "--out", out]
    done = run_python(words, tmp_path, command_environment)
    assert ".partial/images/" in done.stdout
    assert done.stderr.strip().splitlines()[-1] == STOPPED
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert list(out.iterdir()) == []
