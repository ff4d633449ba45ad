"""SIGKILL at random moments, then the same again: the bytes of an undisturbed run, and no shard done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from made_slides import GLASS, made_picture, write_slide
from small_shards import start_run

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
PATIENCE = 600  # seconds
KILLS = 4


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    write_slide(folder / "a.svs", made_picture(650, 870))
    write_slide(folder / "b.svs", made_picture(300, 420, seed=1))
    return folder


@pytest.fixture(scope="module")
def undisturbed(slides, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    assert ended(start_run(slides, out)) == 0
    return out


def shards(out):
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in out.glob("*/work/*/shard_*.parquet")}


def files(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def seconds_of(out):
    """From the first file to the last one."""
    times = [path.stat().st_mtime for path in out.rglob("*") if path.is_file()]
    return max(times) - min(times)


def ended(process):
    """How a process ended."""
    process.join(PATIENCE)
    return process.exitcode


def killed(process, out, delay):
    """Kills a process some seconds after it wrote into a folder; False where it had ended by itself."""
    before, limit = set(out.rglob("*")), time.monotonic() + PATIENCE
    while set(out.rglob("*")) == before and process.is_alive() and time.monotonic() < limit:
        time.sleep(0.002)
    process.join(delay)
    process.kill()
    return ended(process) == -signal.SIGKILL


def check_same(out, undisturbed):
    """All files are there with the same bytes; beside them lie at most halves of files of killed processes."""
    whole, again = files(undisturbed), files(out)
    assert all(Path(name).name.startswith(".") for name in again.keys() - whole.keys())
    assert {name: again.get(name) for name in whole} == whole


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_is_killed_again_and_again_goes_on(slides, undisturbed, tmp_path, seed):
    random, done, kills = np.random.default_rng(seed), {}, 0
    for _ in range(KILLS):
        kills += killed(start_run(slides, tmp_path), tmp_path, random.uniform(0, seconds_of(undisturbed) / 2))
        now = shards(tmp_path)
        assert {name: now.get(name) for name in done} == done
        done = now
    assert kills
    assert ended(start_run(slides, tmp_path)) == 0
    after = shards(tmp_path)
    assert {name: after[name] for name in done} == done
    check_same(tmp_path, undisturbed)


@pytest.mark.parametrize("workers", [2, 8])
def test_workers_side_by_side_give_the_bytes_of_one(slides, undisturbed, tmp_path, workers):
    processes = [start_run(slides, tmp_path, f"{part}/{workers}") for part in range(workers)]
    assert [ended(process) for process in processes] == [0] * workers
    check_same(tmp_path, undisturbed)


def test_a_killed_worker_costs_its_open_shard_alone(slides, undisturbed, tmp_path):
    worker, other = start_run(slides, tmp_path, "0/2"), start_run(slides, tmp_path, "1/2")
    assert killed(worker, tmp_path, seconds_of(undisturbed) / 3)
    assert ended(other) == 0
    done = shards(tmp_path)
    assert 0 < len(done) < len(shards(undisturbed))
    assert ended(start_run(slides, tmp_path, "0/2")) == 0
    after = shards(tmp_path)
    assert {name: after[name] for name in done} == done
    check_same(tmp_path, undisturbed)


def test_two_processes_on_the_same_shards_give_the_bytes_of_one(slides, undisturbed, tmp_path):
    processes = [start_run(slides, tmp_path) for _ in range(2)]
    assert [ended(process) for process in processes] == [0, 0]
    check_same(tmp_path, undisturbed)


def test_the_command_with_the_shipped_weights_is_killed_and_goes_on(tmp_path):
    picture = np.full((900, 17_000, 3), GLASS, np.uint8)
    for seed, left in enumerate((150, 8_400, 16_400)):  # in a shard each
        picture[150:750, left : left + 500] = made_picture(600, 500, 60, seed, glass=0)
    slide = write_slide(tmp_path / "wide.svs", picture)
    command = [sys.executable, "-m", "mani_monai", "slides", "--bundle", str(REPOSITORY / "pretrained" / "mani_unet")]
    command += ["--slides", str(slide), "--annotate", "2", "--outputs", "parquet,geojson,csv", "--out"]
    outs = [tmp_path / "undisturbed", tmp_path / "killed"]
    assert subprocess.run([*command, str(outs[0])], env=ENVIRONMENT, timeout=PATIENCE).returncode == 0
    assert len(shards(outs[0])) == 3
    outs[1].mkdir()
    with subprocess.Popen([*command, str(outs[1])], env=ENVIRONMENT) as process:
        limit = time.monotonic() + PATIENCE
        while not shards(outs[1]) and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    done = shards(outs[1])
    assert 0 < len(done) < 3
    assert subprocess.run([*command, str(outs[1])], env=ENVIRONMENT, timeout=PATIENCE).returncode == 0
    assert {name: shards(outs[1])[name] for name in done} == done
    check_same(outs[1], outs[0])
