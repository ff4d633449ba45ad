"""Bundles exported in a moment: without TorchScript and ONNX, which take long and our own inference never reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from exports import REPOSITORY, as_input, picture, settle
from finished_runs import finished_run
from monai.networks.nets import BasicUNet
from torch import nn

from mani_monai.apps.export import formats
from mani_monai.apps.export.export_bundle import Exported, export_bundle
from mani_monai.apps.export.read_run import read_run

FEATURES = [4, 4, 8, 8, 8, 4]
WINDOW = 64
UM = 0.25


def narrow_unet() -> BasicUNet:
    """Random weights with nuclei on a part of an image."""
    torch.manual_seed(0)
    image = as_input(picture(96, 96, 0))
    network = settle(BasicUNet(2, 3, 2, FEATURES, act="RELU", norm="BATCH"), image)
    with torch.no_grad():
        logits = network(image)[0]
        network.final_conv.bias[1] -= (logits[1] - logits[0]).quantile(0.7)
    return network


def export_quickly(name: str, trained: nn.Module, dataset_dir: Path, folder: Path, **options) -> Exported:
    """Exports a network as if it had been trained on the toy data.

    Args:
        name: the bundle's.
        trained: the network whose weights are exported.
        dataset_dir: folder of the toy data.
        folder: an empty one, for the run and the exports.
        options: what differs from the bundle's own declaration.
    """
    run = read_run(finished_run(folder / "run", trained.state_dict(), dataset_dir, name, **options), method="MaNi")
    with pytest.MonkeyPatch.context() as patch:
        for form, result in {"write_torchscript": None, "write_onnx": None, "largest_difference": {}}.items():
            patch.setattr(formats, form, lambda *_, result=result: result)
        return export_bundle(REPOSITORY / "bundles" / name, run, folder / "dist", "1.2.3")


def export_unet(dataset_dir: Path, folder: Path, **declared) -> Exported:
    """mani_unet with :func:`narrow_unet`, trained at ``UM`` micrometres per pixel, but for what is ``declared``."""
    declared = {"network": {"features": FEATURES}, "window": WINDOW, "mpp": UM, **declared}
    return export_quickly("mani_unet", narrow_unet(), dataset_dir, folder, **declared)
