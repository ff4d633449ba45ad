"""Narrow networks as exported bundles, made in a blink: their weights say nothing, but give nuclei on a picture."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from bundle_files import REPOSITORY
from exports import as_input, picture, settle
from monai.networks.nets import BasicUNet
from torch import Tensor

from mani_monai.apps.export.carried_modules import carry_modules, names_in, renamed
from mani_monai.declaration import Declaration
from mani_monai.inference_config import inference_config
from mani_monai.networks.nets import LightHoVerNet
from mani_monai.older_exports import PIPELINES
from mani_monai.utils.archive import write_hashes
from mani_monai.utils.json_files import config_text

FEATURES = [4, 4, 8, 8, 8, 4]
CONFIGS = REPOSITORY / "bundles" / "mani_unet" / "configs"
METADATA = json.loads((CONFIGS / "metadata.json").read_text())


def small_unet(seed: int = 0) -> BasicUNet:
    torch.manual_seed(seed)
    return settle(BasicUNet(2, 3, 2, FEATURES, act="RELU", norm="BATCH"), as_input(picture(96, 96, seed)))


def small_declaration(window: int = 64, **changes: Any) -> Declaration:
    """What :func:`small_unet` is."""
    own = Declaration.from_metadata(METADATA)
    return own.trained(network={**own.network, "features": FEATURES}, window=window, **changes)


def with_third(declaration: Declaration, third: str) -> Declaration:
    """The declaration of a U-Net that tells more: "contour" or "distance"."""
    parting = {**declaration.parting, "third": third}
    return declaration.trained(network={**declaration.network, "out_channels": 3}, parting=parting)


def third_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of two channels for a network of three, whose third one is none of the others."""
    weight, bias = state["final_conv.weight"], state["final_conv.bias"]
    last = {"final_conv.weight": torch.cat([weight, weight[:1].flip(1)]), "final_conv.bias": bias[[0, 1, 0]]}
    return {**state, **last}


def write_unet_bundle(
    folder: Path, version: str = "1.0.0", seed: int = 0, window: int = 64, third: str | None = None, **changes: Any
) -> Path:
    """Writes configs, modules, weights and hashes as an export has them, with changes of its declaration."""
    declaration = small_declaration(window, **changes)
    declaration = with_third(declaration, third) if third else declaration
    state = small_unet(seed).state_dict()
    metadata = {**METADATA, "version": version}
    return _write_declared(folder, declaration, metadata, third_weights(state) if third else state)


def write_hovernet_bundle(folder: Path, seed: int = 0, window: int = 64, **changes: Any) -> Path:
    """Writes the light network of HoVer-Net's pipeline, narrow, as an export."""
    metadata = json.loads((REPOSITORY / "bundles" / "mani_hovernet" / "configs" / "metadata.json").read_text())
    light = {"_target_": "mani_monai.networks.nets.LightHoVerNet", "features": FEATURES, "output": 48}
    declaration = Declaration.from_metadata(metadata).trained(network=light, window=window, **changes)
    torch.manual_seed(seed)
    network = LightHoVerNet(FEATURES, 48)
    network.train()(as_input(picture(96, 96, seed)))  # the running statistics of a picture
    return _write_declared(folder, declaration, metadata, network.state_dict())


def _write_declared(
    folder: Path, declaration: Declaration, metadata: dict[str, Any], state: Mapping[str, Tensor]
) -> Path:
    text = config_text(inference_config(declaration, "."))
    _write(folder, renamed(text), {**metadata, "model": declaration.as_dict()}, state)
    carry_modules(names_in(text), folder)
    write_hashes(folder)
    return folder


def write_older_bundle(folder: Path, seed: int = 0, window: int = 64) -> Path:
    """Writes the same as exports were before they declared themselves: the steps alone, which decide."""
    postprocessing = {"_target_": "Compose", "transforms": [*PIPELINES["mani_unet"]["postprocessing"]]}
    config = {**PIPELINES["mani_unet"], "postprocessing": postprocessing, "features": FEATURES, "window": window}
    metadata = {name: value for name, value in METADATA.items() if name != "model"}
    _write(folder, json.dumps(config), metadata, small_unet(seed).state_dict())
    write_hashes(folder)
    return folder


def _write(folder: Path, inference: str, metadata: dict[str, Any], state: Mapping[str, Tensor]) -> None:
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "inference.json").write_text(inference)
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    shutil.copy(CONFIGS / "logging.conf", folder / "configs" / "logging.conf")
    torch.save(state, folder / "models" / "model.pt")
