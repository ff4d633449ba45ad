"""Real processes of the HoVer-Net bundle: several ranks on one machine, the real network, the bundle's own folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from monai.networks.nets import HoVerNet
from ranks import RecordedTrainings, recorded
from trainings import assert_equal, overrides

from mani_monai.apps.prepare.toy import make_toy_data
from mani_monai.utils.files import load_tensors

pytestmark = pytest.mark.slow

BUNDLE = Path(__file__).parents[2] / "bundles" / "mani_hovernet"


@pytest.fixture(scope="module")
def ranks_run(tiny_hovernet, tmp_path_factory) -> RecordedTrainings:
    settings = {**tiny_hovernet, "iterations": 6, "warmup": 2, "rate_epochs": 5}
    return RecordedTrainings(tmp_path_factory.mktemp("ranks"), "mani_hovernet", settings)


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
    steps = [int(state["network"]["conv0.1.num_batches_tracked"]) for state in states]
    assert steps == [1, 2, 4], "a source pass each, and a target pass after the warm-up"


def test_ranks_killed_and_resumed_end_as_if_they_were_not(two_ranks, ranks_run):
    cut = ranks_run("cut", 2, status=1, dies=5)
    assert load_tensors(cut / "checkpoint.pt")["iteration"] == 4
    ranks_run("cut", 2, resume=True)
    assert_equal(recorded(cut, 1, 6), recorded(two_ranks, 1, 6))


def test_the_real_network_trains_from_the_bundles_own_folder(tmp_path, command_environment):
    """Two iterations of quick.json with a target pass; the weights are a plain HoVerNet's."""
    make_toy_data(tmp_path / "data", images=6, size=(256, 256))
    settings = {"dataset_dir": tmp_path / "data", "output_dir": tmp_path / "run", "iterations": 2, "warmup": 1}
    configs = ["--config_file", "['configs/train.json','configs/budgets/quick.json']"]
    options = overrides({**settings, "val_interval": 2, "batch_size": 1})
    done = subprocess.run(
        [sys.executable, "-m", "monai.bundle", "run", *configs, *options],
        cwd=BUNDLE,
        env=command_environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert "2 iterations of 1 images of 256 px" in done.stdout
    HoVerNet("fast").load_state_dict(load_tensors(tmp_path / "run" / "models/model.pt"))
