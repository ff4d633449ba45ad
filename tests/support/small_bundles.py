"""A narrow U-Net as an exported bundle, made in a blink: its weights say nothing, but give nuclei on a picture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from bundle_files import REPOSITORY
from exports import as_input, picture, settle
from monai.networks.nets import BasicUNet

from mani_monai.apps.export.archive import write_hashes
from mani_monai.apps.export.exported_configs import exported_inference

FEATURES = [4, 4, 8, 8, 8, 4]
CONFIGS = REPOSITORY / "bundles" / "mani_unet" / "configs"


def small_unet(seed: int = 0) -> BasicUNet:
    torch.manual_seed(seed)
    return settle(BasicUNet(2, 3, 2, FEATURES, act="RELU", norm="BATCH"), as_input(picture(96, 96, seed)))


def write_unet_bundle(folder: Path, version: str = "1.0.0", seed: int = 0, window: int = 64) -> Path:
    """Writes configs, weights and hashes as an export has them."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    text = (CONFIGS / "inference.json").read_text()
    (folder / "configs" / "inference.json").write_text(
        exported_inference(text, {"features": FEATURES, "window": window})
    )
    metadata = json.loads((CONFIGS / "metadata.json").read_text())
    (folder / "configs" / "metadata.json").write_text(json.dumps({**metadata, "version": version}))
    shutil.copy(CONFIGS / "logging.conf", folder / "configs" / "logging.conf")
    torch.save(small_unet(seed).state_dict(), folder / "models" / "model.pt")
    write_hashes(folder)
    return folder
