"""The commands that the golden records are made by: the one place to change when a command changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mani_monai.config_index import find_config

REPOSITORY = Path(__file__).parents[2]
TRAININGS = {
    "mani_unet": ("mani", "source_only", "mean_teacher", "stain_adabn"),
    "mani_hovernet": ("mani", "source_only", "grl", "stain_normalisation"),
}
"""The overlays that are trained, by bundle; mani is train.json without any."""
SHORT = {
    "seed": 0,
    "batch_size": 2,
    "num_workers": 0,
    "val_interval": 10,
    "quiet": True,
    "device": "$torch.device('cpu')",
    "precision": "float32",
}
BUDGETS = {
    "mani_unet": {"iterations": 20, "warmup": 5},
    "mani_hovernet": {
        "network_def": {"_target_": "tiny_hovernet.TinyHoVerNet", "out_classes": "@out_classes"},
        "epochs": 20,
        "warmup_epochs": 5,
        "window": 48,
        "output_size": 32,
        "patch_size": 64,
    },
}
"""Twenty iterations on one core: the real HoVer-Net needs 11 GiB and minutes for them."""
CHANNELS = {("mani_hovernet", "grl"): {"adaptation_losses::domain_adversarial::channels": 64}}


def config_files(bundle: str, *overlays: str) -> list[str]:
    """Paths of a bundle's train.json and overlays on it, as ``monai.bundle run`` takes them."""
    names = ("train", "quick", *(name for name in overlays if name != "mani"))
    return [str(find_config(REPOSITORY / "bundles" / bundle, name)) for name in names]


def training_options(bundle: str, overlay: str, data: Path, run: Path) -> dict[str, Any]:
    """Overrides of a short training on toy data."""
    folders = {"dataset_dir": str(data), "output_dir": str(run)}
    return {**SHORT, **BUDGETS[bundle], **CHANNELS.get((bundle, overlay), {}), **folders}


def data_command(data: Path) -> list[str]:
    return _script("make_toy_data", dataset_dir=data, images=10)


def inference_command(images: Path, out: Path) -> list[str]:
    bundle = REPOSITORY / "pretrained" / "mani_unet"
    return _script("infer", bundle=bundle, images=images, out=out, mpp=0.5, device="cpu", precision="float32")


def export_command(run: Path, out: Path) -> list[str]:
    """Exports a source-only U-Net of the quick preset."""
    return _script("export_bundle", run=run, out=out, version="1.2.3", mpp=0.25)


def adaptation_command(data: Path, out: Path) -> list[str]:
    short = {**SHORT, "iterations": 8, "warmup": 2, "val_interval": 4, "features": [8] * 6, "crop_size": 64}
    options = {name: str(value) for name, value in short.items() if name != "seed"}
    domains = {"source": data / "toy_source", "target": data / "toy_target" / "images"}
    return _script("adapt", **domains, out=out, preset="quick", options=options)


def _script(name: str, **options: Any) -> list[str]:
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    return [sys.executable, str(REPOSITORY / "scripts" / f"{name}.py"), *words]
