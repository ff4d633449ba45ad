"""A disk that is full: one line, nothing half written, and a status that says so, in every command that writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from finished_runs import finished_run
from fuzz_run import Ended, run
from made_slides import made_picture
from PIL import Image
from small_bundles import FEATURES, small_unet, write_unet_bundle

resource = pytest.importorskip("resource", reason="this system has no limits of a process")
LARGEST = 250  # bytes of a file


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond some bytes: the system then refuses a write as it does where nothing is free."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def line_of(tmp_path, toy_dir) -> Callable[[str], list[str]]:
    """A command that would write to ``tmp_path / "out"``."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    for number in range(3):
        Image.fromarray(made_picture(96, 96, nuclei=6, seed=number, glass=4)).save(
            tmp_path / "images" / f"{number}.png"
        )
        Image.fromarray(np.arange(96 * 96, dtype=np.uint16).reshape(96, 96) % 9 // 8).save(
            tmp_path / f"masks/{number}.png"
        )
    bundle = write_unet_bundle(tmp_path / "bundle")
    trained = finished_run(tmp_path / "run", small_unet().state_dict(), toy_dir, network={"features": FEATURES})
    out, images = str(tmp_path / "out"), str(tmp_path / "images")
    model = ["--bundle", str(bundle), "--device", "cpu", "--precision", "float32", "--mpp", "0.25"]
    lines = {
        "prepare": ["prepare", "folder", "--images", images, "--name", "x", "--out", out],
        "infer": ["infer", "--images", images, "--out", out, *model],
        "slides": ["slides", "--slides", images, "--out", out, *model],
        "sample": ["sample", "--out", out],
        "export": ["export", "--run", str(trained), "--out", out, "--forms", "pt"],
        "calibrate": ["calibrate", "--run", str(trained)],
    }
    return lines.__getitem__


def ended_well(ended: Ended) -> None:
    assert ended.faults == ()
    assert ended.status == 1
    assert "cannot be written" in ended.text or "file system refuses" in ended.text


@pytest.mark.parametrize("command", ["prepare", "infer", "slides", "sample", "export", "calibrate"])
def test_nothing_half_is_left(command, line_of, tmp_path):
    line = line_of(command)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with full_disk():
        ended = run(line, tmp_path)
    ended_well(ended)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.stat().st_size < LARGEST for path in files if path not in before), "a file ends where the disk did"
    assert not [path for path in files if path.name.startswith(".")]
    assert all(path.is_file() and path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize("command", ["prepare", "infer"])
def test_the_same_command_does_it_once_there_is_space(command, line_of, tmp_path):
    with full_disk():
        ended_well(run(line_of(command), tmp_path))
    assert run(line_of(command), tmp_path).status == 0
