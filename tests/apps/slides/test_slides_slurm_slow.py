"""Slides on a real Slurm of one node: its jobs' bytes are those of one run, and a killed job costs its open shard."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from made_slides import dark_model, made_picture, write_slide
from one_node_slurm import missing, one_node_slurm

from mani_monai.apps.slides.slides_cluster import run_on_cluster
from mani_monai.apps.slides.slides_run import run_slides

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing() or "there is Slurm")]
REPOSITORY = Path(__file__).parents[3]
NAMES = ("nuclei.parquet", "a.geojson.gz", "summary.json", "tiles.csv", "tissue.geojson", "overview.jpg")
PATIENCE = 600  # seconds


@pytest.fixture(scope="module")
def slurm():
    folder = Path(tempfile.mkdtemp(prefix="slurm"))  # short: a socket lies in it
    try:
        with one_node_slurm(folder) as variables:
            yield variables
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def on_slurm(slurm, monkeypatch):
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    paths = [str(REPOSITORY), str(REPOSITORY / "tests" / "support")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    slide = write_slide(tmp_path_factory.mktemp("slides") / "a.svs", made_picture(1400, 1700))
    return {"bundle": dark_model(), "slides": slide, "core": 64}


@pytest.fixture(scope="module")
def alone(options, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    run_slides(**options, out=out, progress=False)
    return out


def bytes_of(out):
    return {name: (out / "a" / name).read_bytes() for name in NAMES}


def shards(out):
    return {path.name: path.stat().st_mtime_ns for path in out.glob("a/work/*/shard_*.parquet")}


def test_jobs_give_the_bytes_of_one_run(options, alone, on_slurm, tmp_path):
    (result,), failures = run_on_cluster({**options, "out": tmp_path}, "slurm", 3)
    assert failures == []
    assert result.status == "done before"
    assert bytes_of(tmp_path) == bytes_of(alone)


def test_a_killed_job_is_named_and_costs_its_open_shard(options, alone, on_slurm, tmp_path):
    code = f"""
from made_slides import dark_model
from mani_monai.apps.slides.slides_cluster import run_on_cluster
options = {{"bundle": dark_model(), "slides": {str(options["slides"])!r}, "out": {str(tmp_path)!r}, "core": 64}}
print(*run_on_cluster(options, "slurm", 2)[1])
"""
    command = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    limit = time.monotonic() + PATIENCE
    while not shards(tmp_path) and time.monotonic() < limit:
        time.sleep(0.02)
    job = subprocess.run(["squeue", "-h", "-o", "%A", "-t", "running"], capture_output=True, text=True).stdout.split()[
        0
    ]
    subprocess.run(["scancel", "--signal=KILL", job], check=True)
    said = command.communicate(timeout=PATIENCE)[0]
    done = shards(tmp_path)
    assert "failed (" in said
    assert 0 < len(done) < len(shards(alone))
    (result,), failures = run_on_cluster({**options, "out": tmp_path}, "slurm", 2)
    assert (failures, result.status) == ([], "done before")
    after = shards(tmp_path)
    assert {name: after[name] for name in done} == done
    assert bytes_of(tmp_path) == bytes_of(alone)


def test_the_command_submits_and_waits(on_slurm, tmp_path):
    write_slide(tmp_path / "slides.svs", made_picture(500, 600))
    command = [sys.executable, "-m", "mani_monai", "slides", "--bundle", str(REPOSITORY / "pretrained" / "mani_unet")]
    command += ["--slides", str(tmp_path / "slides.svs"), "--cluster", "slurm", "--jobs", "2"]
    command += ["--cluster_options", "{'slurm_partition': 'test', 'timeout_min': 30}"]
    done = subprocess.run([*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "1 slide: 1 done before; " in done.stdout
    wrong = [*command[:-1], "{'slurm_partition': 'nowhere'}", "--out", str(tmp_path / "other")]
    refused = subprocess.run(wrong, capture_output=True, text=True, timeout=PATIENCE)
    assert refused.returncode == 1
    assert "--cluster slurm: nothing was submitted (" in refused.stderr.strip().splitlines()[-1]
    assert "Traceback" not in refused.stderr
