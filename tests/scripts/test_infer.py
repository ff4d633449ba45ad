"""The command that runs an exported bundle on a folder: its exit status, its lines, and a real kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from exports import REPOSITORY, picture
from PIL import Image
from tiny_export import export_unet
from warm_python import run_python

SCRIPT = str(REPOSITORY / "scripts" / "infer.py")


@pytest.fixture(scope="module")
def bundle(toy_dir, tmp_path_factory) -> Path:
    return export_unet(toy_dir, tmp_path_factory.mktemp("exported")).archive


@pytest.fixture
def arguments(bundle, tmp_path) -> list[str]:
    (tmp_path / "images").mkdir()
    for seed in range(3):
        Image.fromarray(picture(70 + seed, 90, seed)).save(tmp_path / "images" / f"{seed}.png", dpi=(101600, 101600))
    places = ["--images", str(tmp_path / "images"), "--out", str(tmp_path / "out")]
    return [SCRIPT, "--bundle", str(bundle), *places, "--device", "cpu"]


def run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    return run_python(arguments, REPOSITORY, environment)


def test_the_command_ends_with_1_where_an_image_is_bad(arguments, command_environment, tmp_path):
    bad = tmp_path / "images" / "bad.png"
    bad.write_bytes((tmp_path / "images" / "0.png").read_bytes()[:900])
    done = run([*arguments, "--outputs", "mask,geojson"], command_environment)
    assert done.returncode == 1, done.stderr
    summary = tmp_path / "out" / "summary.csv"
    assert done.stdout.splitlines()[-1].startswith("4 images: 3 done, 1 failed; ")
    assert done.stdout.strip().endswith(f"summary: {summary}")
    assert f"failed: {bad}: cannot be decoded (image file is truncated)" in done.stderr
    assert "4/4" in done.stderr, "no progress shown"
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    assert len(list((tmp_path / "out").glob("*.geojson"))) == len(list((tmp_path / "out").glob("*_mask.png"))) == 3
    assert list((tmp_path / "out").glob("*.csv")) == [summary]


@pytest.mark.slow
def test_the_command_refuses_in_one_line(arguments, command_environment, tmp_path):
    for more, message in (
        (["--mpp", "40"], "--mpp 40: write"),
        (["--overwrite=no"], "--overwrite no: takes no value; write --overwrite alone, or leave it out."),
    ):
        done = run([*arguments, *more], command_environment)
        assert done.returncode == 1
        assert message in done.stderr.strip()
        assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_process_that_is_killed_goes_on_and_ends_the_same(arguments, command_environment, tmp_path):
    for seed in range(3, 40):
        Image.fromarray(picture(300, 400, seed)).save(tmp_path / "images" / f"{seed}.png")
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, *arguments], env=command_environment, stderr=subprocess.DEVNULL) as process:
        while not list(out.glob("records/*.json")):
            assert process.poll() is None, "it ended before it wrote anything"
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    recorded = len(list(out.glob("records/*.json")))
    assert recorded < 40
    assert not (out / "summary.csv").exists()
    line = [sys.executable, *arguments]
    done = subprocess.run(line, env=command_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, "from what it imports, too"
    images = json.loads((out / "summary.json").read_text())["images"]
    assert sum(image["status"] == "done before" for image in images) == recorded
    assert len(images) == 40
    for image in images:
        features = json.loads((out / f"{Path(image['image']).stem}.geojson").read_text())["features"]
        assert len(features) == image["nuclei"]
