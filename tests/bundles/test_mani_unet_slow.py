"""Real processes of the U-Net bundle: killed from outside and resumed, and several ranks on one machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from ranks import RecordedTrainings, recorded
from trainings import RESULTS, assert_equal, overrides

from mani_monai.utils.files import load_tensors

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
TRAIN = [sys.executable, "-m", "monai.bundle", "run", "--config_file", "bundles/mani_unet/configs/train.json"]
SETTINGS = {"iterations": 24, "warmup": 12, "val_interval": 2, "num_workers": 1}


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}


def run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(arguments, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def whole(tiny, environment, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    settings = {**tiny, **SETTINGS, "output_dir": folder}
    done = run([*TRAIN, *overrides(settings)], environment)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(("iteration", "last"), [(4, 12), (18, 24)], ids=["warming up", "adapting"])
def test_killed_from_outside_and_resumed(tiny, whole, tmp_path, environment, iteration, last):
    settings = {**tiny, **SETTINGS, "output_dir": tmp_path}
    arguments = [*TRAIN, *overrides(settings)]
    process = subprocess.Popen(
        arguments, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    snapshot = tmp_path / "snapshots" / f"iteration_{iteration:06d}.pt"
    deadline = time.monotonic() + 900
    while not snapshot.exists():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert load_tensors(tmp_path / "checkpoint.pt")["iteration"] in range(iteration - 2, last)

    resumed = run([*arguments, "--resume", "true"], environment)
    assert resumed.returncode == 0, resumed.stderr
    for name in RESULTS:
        assert_equal(load_tensors(tmp_path / name), load_tensors(whole / name), name)


@pytest.fixture(scope="module")
def ranks_run(tiny, tmp_path_factory) -> RecordedTrainings:
    return RecordedTrainings(tmp_path_factory.mktemp("ranks"), "mani_unet", {**tiny, "iterations": 6, "warmup": 2})


@pytest.fixture(scope="module")
def two_ranks(ranks_run) -> Path:
    return ranks_run("two", 2)


@pytest.mark.parametrize("iteration", range(1, 7))
def test_ranks_hold_the_same_state(two_ranks, iteration):
    one, other = (recorded(two_ranks, rank, iteration) for rank in range(2))
    for name in ("network", "adaptation", "optimizer"):
        assert_equal(one[name], other[name], name)
    assert not torch.equal(one["batch"]["image"], other["batch"]["image"])


def test_ranks_learn_and_adapt_after_the_warmup(two_ranks):
    states = [recorded(two_ranks, 0, iteration) for iteration in (1, 2, 3)]
    weights = [state["adaptation"]["mutual_information.discriminator.layers.0.weight"] for state in states]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])
    steps = [state["network"]["conv_0.conv_0.adn.N.num_batches_tracked"] for state in states]
    assert [int(step) for step in steps] == [1, 2, 4], "a source pass each, and a target pass after the warm-up"


def test_two_ranks_see_the_samples_of_one(two_ranks, ranks_run):
    one = ranks_run("one", 0, batch_size=4)
    for iteration in range(1, 7):
        parts = [recorded(two_ranks, rank, iteration)["batch"] for rank in range(2)]
        for key, whole in recorded(one, 0, iteration)["batch"].items():
            assert torch.equal(torch.cat([part[key] for part in parts]), whole)


def test_files_are_those_of_one_writer_and_load_without_a_wrapper(two_ranks):
    last = recorded(two_ranks, 1, 6)
    assert_equal(dict(load_tensors(two_ranks / "models/model.pt")), dict(last["network"]))
    checkpoint = load_tensors(two_ranks / "checkpoint.pt")
    assert_equal(dict(checkpoint["model"]), dict(last["network"]))
    assert_equal(dict(checkpoint["adaptation"]), dict(last["adaptation"]))
    assert len(list((two_ranks / "tensorboard").iterdir())) == 2, "rank 0's trainer and evaluator, nobody else's"
    assert not list(two_ranks.rglob("tmp*"))


def test_ranks_killed_and_resumed_end_as_if_they_were_not(two_ranks, ranks_run):
    cut = ranks_run("cut", 2, status=1, dies=5)
    assert load_tensors(cut / "checkpoint.pt")["iteration"] == 4
    ranks_run("cut", 2, resume=True)
    for name in RESULTS:
        assert_equal(load_tensors(cut / name), load_tensors(two_ranks / name), name)
    assert_equal(recorded(cut, 1, 6), recorded(two_ranks, 1, 6))


def test_source_only_on_two_ranks(ranks_run):
    folder = ranks_run("source_only", 2, adaptation_losses={}, iterations=2)
    assert_equal(*(recorded(folder, rank, 2)["network"] for rank in range(2)))


def test_a_rank_whose_pairs_are_all_empty(ranks_run, toy_dir, tmp_path):
    """Where an image in two has no nuclei, some rank has no pair left: the ranks stay alike."""
    data = shutil.copytree(toy_dir, tmp_path / "data")
    for path in sorted((data / "toy_source" / "labels").iterdir())[::2]:
        Image.fromarray(np.zeros((64, 64), np.uint16)).save(path)
    folder = ranks_run("empty", 2, dataset_dir=data, batch_size=1, warmup=0, iterations=8, crop_size=64)
    empty = [tuple(int(recorded(folder, rank, i)["empty"]) for rank in range(2)) for i in range(1, 9)]
    assert len(set(empty)) > 2, f"the case did not occur: {empty}"
    for iteration in range(1, 9):
        states = [recorded(folder, rank, iteration) for rank in range(2)]
        assert_equal(states[0]["adaptation"], states[1]["adaptation"])
        assert_equal(states[0]["optimizer"], states[1]["optimizer"])
