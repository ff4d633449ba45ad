"""A narrow U-Net, exported once: what most tests of exports look at."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from exports import REPOSITORY, as_input, picture, settle
from finished_runs import finished_run
from monai.networks.nets import BasicUNet
from tiny_export import export_unet
from warm_python import run_python

from mani_monai.apps.export import formats
from mani_monai.apps.export.export_bundle import Exported, export_bundle
from mani_monai.apps.export.read_run import read_run
from mani_monai.apps.export.trained_run import TrainedRun

FEATURES = [4, 4, 8, 8, 8, 4]
SCORES = {"dice_mean": 0.5, "dice_std": 0.1, "dice": {"a": 0.4, "b": 0.6}}


@pytest.fixture(scope="session")
def unet() -> BasicUNet:
    torch.manual_seed(0)
    return settle(BasicUNet(2, 3, 2, FEATURES, act="RELU", norm="BATCH"), as_input(picture(96, 96, 0)))


@pytest.fixture(scope="session")
def unet_run(unet, toy_dir, tmp_path_factory) -> TrainedRun:
    declared = {"network": {"features": FEATURES}, "window": 64}
    folder = finished_run(tmp_path_factory.mktemp("made") / "run", unet.state_dict(), toy_dir, **declared)
    (folder / "evaluation").mkdir()
    metrics = {"source": "toy_source", "target": "toy_target", "split": "split_0", "seed": 0}
    metrics["selections"] = {"last": {"weights": "model.pt", **SCORES}}
    (folder / "evaluation" / "metrics.json").write_text(json.dumps(metrics))
    return read_run(folder, method="MaNi")


@pytest.fixture(scope="session")
def exported(toy_dir, tmp_path_factory) -> Exported:
    """Without TorchScript and ONNX, which take half a minute and which most tests never read."""
    return export_unet(toy_dir, tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="session")
def exported_whole(unet_run, tmp_path_factory) -> Exported:
    """With all forms of the weights. MONAI's exporter runs in a warm process: its bytes are not twice the same."""
    out = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        run = lambda command, cwd, env, **_: run_python(command[1:], cwd, env)  # noqa: E731
        patch.setattr(formats, "subprocess", SimpleNamespace(run=run))
        return export_bundle(REPOSITORY / "bundles" / "mani_unet", unet_run, out, "1.2.3", "a tiny one")


@pytest.fixture
def schema() -> Path:
    """The metadata's schema, so that nothing is downloaded."""
    return REPOSITORY / "tests" / "bundles" / "reference" / "meta_schema_20240725.json"
