"""Real processes of the U-Net bundle: killed from outside and resumed, and several ranks on one machine."""

from __future__ import annotations

import json
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

from mani_monai.utils.files import load_tensors

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
CONFIGS = "bundles/mani_unet/configs"
SETTINGS = {"iterations": 24, "warmup": 12, "val_interval": 2, "num_workers": 1}
RESULTS = ("checkpoint.pt", "model.pt", "model_source_val.pt")

# written to a file of its own, since every rank imports it
RANK_RECORDER = '''
import os
from pathlib import Path

import torch
from ignite.engine import Events


class RankRecorder:
    """Saves what a rank holds after every iteration; dies where it is told to."""

    def __init__(self, network, adaptation, optimizer, folder):
        self.network, self.adaptation, self.optimizer = network, adaptation, optimizer
        self.folder, self.dies = Path(folder), int(os.environ.get("DIES_AFTER", 0))

    def attach(self, engine):
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine):
        self.folder.mkdir(parents=True, exist_ok=True)
        batch = {key: engine.state.batch[key] for key in ("image", "label", "target_image")}
        states = {name: getattr(self, name).state_dict() for name in ("network", "adaptation", "optimizer")}
        rank = os.environ.get("RANK", "0")
        path = self.folder / f"rank{rank}_{engine.state.iteration}.pt"
        torch.save({**states, "batch": batch, "empty": engine.state.output.get("empty_pairs")}, path)
        if engine.state.iteration == self.dies:
            os._exit(3)
'''


def assert_equal(one, other, where: str = "") -> None:
    """Nested states, equal bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, (list, tuple)):
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{where}/{number}")
    else:
        assert one == other, where


def command(configs: list[str], settings: dict[str, object], ranks: int = 0) -> list[str]:
    start = [sys.executable, "-m"]
    if ranks:
        start += ["torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks), "-m"]
    overrides = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    return [*start, "monai.bundle", "run", "--config_file", str(configs), *overrides]


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}


def run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(arguments, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def whole(tiny, environment, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    settings = {**tiny, **SETTINGS, "output_dir": folder}
    done = run(command([f"{CONFIGS}/train.json"], settings), environment)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("iteration", [4, 18], ids=["warming up", "adapting"])
def test_killed_from_outside_and_resumed(tiny, whole, tmp_path, environment, iteration):
    settings = {**tiny, **SETTINGS, "output_dir": tmp_path}
    arguments = command([f"{CONFIGS}/train.json"], settings)
    process = subprocess.Popen(
        arguments, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    snapshot = tmp_path / "snapshots" / f"iteration_{iteration:06d}.pt"
    deadline = time.monotonic() + 300
    while not snapshot.exists():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert load_tensors(tmp_path / "checkpoint.pt")["iteration"] in (iteration - 2, iteration)

    resumed = run([*arguments, "--resume", "true"], environment)
    assert resumed.returncode == 0, resumed.stderr
    for name in RESULTS:
        assert_equal(load_tensors(tmp_path / name), load_tensors(whole / name), name)


@pytest.fixture(scope="module")
def ranks_run(tiny, environment, tmp_path_factory):
    """Runs a training of several ranks that records itself: ``ranks_run(name, ranks, **overrides)``."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "rank_recorder.py").write_text(RANK_RECORDER)
    recorder = {
        "_target_": "rank_recorder.RankRecorder",
        **{name: f"@{name}" for name in ("network", "adaptation", "optimizer")},
        "folder": "$@output_dir + '/ranks'",
    }
    (folder / "recorder.json").write_text(json.dumps({"+train::handlers": [recorder]}))
    path = f"{REPOSITORY}:{folder}"

    def make(name: str, ranks: int, status: int = 0, dies: int = 0, **overrides) -> Path:
        settings = {**tiny, "iterations": 6, "warmup": 2, **overrides, "output_dir": folder / name}
        configs = [f"{CONFIGS}/train.json", *([f"{CONFIGS}/multi_gpu_train.json"] if ranks else [])]
        arguments = command([*configs, str(folder / "recorder.json")], settings, ranks)
        done = run(arguments, {**environment, "PYTHONPATH": path, "DIES_AFTER": str(dies)})
        assert (done.returncode != 0) is bool(status), done.stderr
        return folder / name

    return make


def recorded(folder: Path, rank: int, iteration: int) -> dict:
    return torch.load(folder / "ranks" / f"rank{rank}_{iteration}.pt", weights_only=True)


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
    assert_equal(dict(load_tensors(two_ranks / "model.pt")), dict(last["network"]))
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
