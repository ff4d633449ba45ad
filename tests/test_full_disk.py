"""A disk that is full: one line, nothing half written, and a status that says so, in every command that writes."""

from __future__ import annotations

import sys
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
TINY = {"features": [4, 4, 4, 4, 4, 4], "val_interval": 2, "precision": "float32"}


@contextmanager
def full_disk(largest: int = LARGEST) -> Iterator[None]:
    """No file may grow beyond some bytes: the system then refuses a write as it does where nothing is free.

    Python cuts compiled modules off there and takes them for whole later, so none is written.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
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
    tissues = ["--source", "toy_source", "--target", "toy_target", "--data", str(toy_dir)]
    short = {**TINY, "crop_size": 32, "window": -1, "iterations": 2, "warmup": 1, "batch_size": 2, "num_workers": 0}
    lines = {
        "prepare": ["prepare", "folder", "--images", images, "--name", "x", "--out", out],
        "infer": ["infer", "--images", images, "--out", out, *model],
        "slides": ["slides", "--slides", images, "--out", out, *model],
        "sample": ["sample", "--out", out],
        "export": ["export", "--run", str(trained), "--out", out, "--forms", "pt"],
        "calibrate": ["calibrate", "--run", str(trained)],
        "qupath": ["export", "--format", "qupath", "--bundle", str(bundle), "--out", out, "--mpp", "0.25"],
        "toy": ["toy", "--dataset_dir", out, "--images", "5", "--size", "64,64"],
        "demo": ["demo", "--out", out, "--device", "cpu"],
        "train": ["train", *tissues, "--out", out, "--device", "cpu", "--options", str(short)],
        "adapt": ["adapt", "--target", images, "--out", out, "--model", str(bundle), "--mpp", "0.25"],
        "adapt by training": [
            *("adapt", "--source", str(toy_dir / "toy_source"), "--target", images, "--out", out, "--device", "cpu"),
            *("--preset", "quick", "--options", str({**short, "quiet": True})),
        ],
    }
    return lines.__getitem__


def ended_well(ended: Ended) -> None:
    assert ended.faults == ()
    assert ended.status == 1
    assert "cannot be written" in ended.text or "file system refuses" in ended.text


COMMANDS = ["prepare", "infer", "slides", "sample", "export", "calibrate", "qupath", "toy", "demo", "train", "adapt"]
LATER = [("toy", 3_000), ("train", 20_000), ("train", 60_000), ("adapt", 8_000), ("export", 20_000), ("qupath", 30_000)]


BY_TRAINING = [pytest.param("adapt by training", size, marks=pytest.mark.slow) for size in (250, 8_000, 20_000, 60_000)]


@pytest.mark.parametrize(("command", "largest"), [*((name, LARGEST) for name in COMMANDS), *LATER, *BY_TRAINING])
def test_nothing_half_is_left(command, largest, line_of, tmp_path):
    line = line_of(command)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with full_disk(largest):
        ended = run(line, tmp_path)
    ended_well(ended)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    ends = [path for path in files if path not in before and path.stat().st_size >= largest]
    assert not ends, "files end where the disk did"
    assert not [path for path in files if path.name.startswith(".")]
    assert all(path.is_file() and path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize("command", ["adapt", "infer", "slides"])
def test_a_folder_that_takes_nothing_is_refused_before_any_work(command, line_of, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path / "out")
    ended = run(line_of(command), tmp_path)
    assert (ended.status, ended.faults) == (1, ())
    assert ended.text.endswith(
        f"{tmp_path / 'out'}: cannot be written to (Permission denied); name another folder with --out."
    )
    assert not list((tmp_path / "out").iterdir())


def test_a_demo_that_failed_names_no_picture(line_of, tmp_path, monkeypatch):
    monkeypatch.setattr("mani_monai.apps.infer.demo_command.infer", lambda *options, **more: 1)
    ended = run(line_of("demo"), tmp_path)
    assert ended.status == 1
    assert "Look at" not in ended.text


@pytest.mark.parametrize(("command", "outputs"), [("infer", "0_mask.png"), ("slides", "0.png")])
def test_what_failed_is_named_though_no_summary_can_be_written(command, outputs, line_of, tmp_path):
    line = line_of(command)
    (tmp_path / "images" / "broken.png").write_bytes(b"no image")
    with full_disk():
        ended = run(line, tmp_path)
    ended_well(ended)
    assert "broken.png: " in ended.text
    assert outputs in ended.text
    assert "summary.csv: cannot be written" in ended.text


@pytest.mark.parametrize("command", ["prepare", "infer"])
def test_the_same_command_does_it_once_there_is_space(command, line_of, tmp_path):
    with full_disk():
        ended_well(run(line_of(command), tmp_path))
    assert run(line_of(command), tmp_path).status == 0
