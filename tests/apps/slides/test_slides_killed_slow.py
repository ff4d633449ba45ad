"""SIGKILL at any shard, then the same again: the bytes of an undisturbed run, and no shard done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_slides import made_picture, write_slide

pytestmark = pytest.mark.slow
SUPPORT = Path(__file__).parents[2] / "support"
CODE = """
import sys
sys.path.insert(0, {support!r})
import mani_monai.apps.slides.tile_grid as grid
grid.SHARD = 2
from made_slides import dark_model
from mani_monai.apps.slides.slides_run import run_slides
run_slides(dark_model(), {slide!r}, {out!r}, annotate=1, core=64, progress=False)
"""
PATIENCE = 600  # seconds


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    return write_slide(tmp_path_factory.mktemp("slides") / "a.svs", made_picture(650, 870))


@pytest.fixture(scope="module")
def undisturbed(slide, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    assert start(slide, out).wait(PATIENCE) == 0
    return out


def start(slide, out):
    code = CODE.format(support=str(SUPPORT), slide=str(slide), out=str(out))
    return subprocess.Popen([sys.executable, "-c", code])


def shards(out):
    return {path.name: path.stat().st_mtime_ns for path in out.glob("a/work/*/shard_*.parquet")}


def files(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("done", [1, 7])
def test_a_killed_run_goes_on(slide, undisturbed, tmp_path, done):
    process = start(slide, tmp_path)
    limit = time.monotonic() + PATIENCE
    while len(shards(tmp_path)) < done and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
    before = shards(tmp_path)
    assert done <= len(before) < len(shards(undisturbed))
    assert start(slide, tmp_path).wait(PATIENCE) == 0
    after = shards(tmp_path)
    assert {name: after[name] for name in before} == before
    whole, again = files(undisturbed), files(tmp_path)
    left = {name for name in again if name not in whole}
    assert all("partial" in name or name.startswith(".") or "/." in name for name in left)  # of the killed process
    assert {name: again[name] for name in whole} == whole
