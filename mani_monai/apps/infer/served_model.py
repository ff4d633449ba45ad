"""A trained network out of an exported bundle, without running anything of the bundle.

Of a bundle, this reads numbers, names and tensors: ``metadata.json``, a few values of ``inference.json`` and
``models/model.pt``. The steps around the network are this project's own. It does not hand ``inference.json`` to MONAI's
ConfigParser: that runs every expression in it, mani_hovernet's export brings modules of its own, and an inspection of
strangers' code is never complete. The price is that it serves these two bundles only. So that it never does silently
what a bundle did not mean, it compares the steps that ``inference.json`` names with those that it knows, and refuses
others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets import BasicUNet
from torch import nn

from mani_monai.apps.export.carried_modules import CARRIED, PACKAGE
from mani_monai.apps.export.network_settings import settings_of
from mani_monai.apps.infer.known_pipelines import NORMALISATION, PIPELINES, UNET, WINDOWS
from mani_monai.apps.infer.segmenters import HoVerNetSegmenter, Segmenter, UNetSegmenter
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.inferers.autocast_inferer import PRECISIONS, computes_bfloat16
from mani_monai.networks.nets import ConcatHoVerNet
from mani_monai.utils import InputError
from mani_monai.utils.devices import choose_device
from mani_monai.utils.files import load_network, load_tensors
from mani_monai.utils.hashes import file_hash

INSTEAD = "run it with python -m monai.bundle run, once scripts/inspect_bundle.py has shown what it executes"


@dataclass(frozen=True)
class ServedModel:
    """A bundle, ready to use.

    Attributes:
        name: "mani_unet" or "mani_hovernet".
        version: the bundle's.
        weights: SHA-256 of its ``model.pt``.
        um: side of the pixels that it was trained on, in micrometres; None where the bundle does not say.
        class_names: of the types of nuclei, background first; None where it has none.
        segmenter: the network with its steps.
    """

    name: str
    version: str
    weights: str
    um: float | None
    class_names: tuple[str, ...] | None
    segmenter: Segmenter


def read_model(folder: Path, precision: str = "auto", device: str | torch.device | None = None) -> ServedModel:
    """Reads a bundle that an inspection has passed.

    Args:
        folder: the bundle's.
        precision: "float32", "bfloat16" or "auto", as in :class:`mani_monai.inferers.AutocastInferer`.
        device: where the network runs; the GPU where there is one, by default.

    Raises:
        InputError: for an unknown precision or device; when it is no bundle, is neither of the two, does anything else
            than they do, or lacks weights.
    """
    config, metadata = (_read(folder / "configs" / name) for name in ("inference.json", "metadata.json"))
    name, normalised = _check_pipeline(config)
    if precision not in PRECISIONS:
        raise InputError(f"--precision {precision}: choose from {', '.join(PRECISIONS)}.")
    device = choose_device(device)
    if precision == "auto":
        precision = "bfloat16" if computes_bfloat16(device) else "float32"
    path = folder / "models" / "model.pt"
    state = load_tensors(path)
    settings = settings_of(state, PIPELINES[name]["network_def"]["_target_"])
    if not settings:
        raise InputError(f"{path}: holds no weights of {name}'s network; export the training again.")
    with torch.device("meta"):  # random weights would take seconds, and are replaced
        if name == UNET:
            network: nn.Module = BasicUNet(2, 3, 2, settings["features"], act="RELU", norm="BATCH")
        else:
            network = ConcatHoVerNet(mode=settings["mode"], in_channels=3, out_classes=settings["out_classes"])
    network.to_empty(device=device)
    load_network(network, state, path)
    if name == UNET:
        segmenter: Segmenter = UNetSegmenter(network, device, precision, _window(config), normalised)
    else:
        segmenter = HoVerNetSegmenter(network, device, precision, *WINDOWS[settings["mode"]], normalised)
    names = _class_names(config, settings.get("out_classes", 0))
    size = given_pixel_size(metadata.get("mpp"), "configs/metadata.json: mpp")
    return ServedModel(name, str(metadata.get("version")), file_hash(path), size and size.um, names, segmenter)


def _check_pipeline(config: Mapping[str, Any]) -> tuple[str, bool]:
    """Which of the two bundles' inference a config is, and whether it normalises stains.

    Raises:
        InputError: when it is neither.
    """
    config = _renamed(config)
    target = (config.get("network_def") or {}).get("_target_") if isinstance(config.get("network_def"), dict) else None
    name = next((name for name, known in PIPELINES.items() if known["network_def"]["_target_"] == target), None)
    if name is None:
        raise InputError(f"configs/inference.json: its network is {target}, of neither mani bundle; {INSTEAD}.")
    normalised = False
    for key, known in PIPELINES[name].items():
        found = config.get(key)
        if key == "preprocessing":
            normalised = found == {**known, "transforms": [*known["transforms"], NORMALISATION]}
            found = known if normalised else found
        if key == "postprocessing" and isinstance(found, dict) and isinstance(found.get("transforms"), list):
            found = found["transforms"][:1]  # what follows writes files
        if found != known:
            raise InputError(f"configs/inference.json: its {key} is not that of {name}; {INSTEAD}.")
    return name, normalised


def _renamed(value: Any) -> Any:
    """The config with the modules that an export carries under their names in this project."""
    if isinstance(value, dict):
        return {key: _renamed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if isinstance(value, str) and value.startswith(f"{CARRIED}."):
        return PACKAGE + value.removeprefix(CARRIED)
    return value


def _window(config: Mapping[str, Any]) -> int:
    window = config.get("window")
    if isinstance(window, bool) or not isinstance(window, int) or not (window < 1 or 16 <= window <= 8192):
        raise InputError(f"configs/inference.json: its window is {window!r}, no number of pixels; {INSTEAD}.")
    return window


def _class_names(config: Mapping[str, Any], classes: int) -> tuple[str, ...] | None:
    names = config.get("class_names")
    if names is None or not classes:
        return None
    if not isinstance(names, list) or len(names) != classes or not all(isinstance(name, str) for name in names):
        raise InputError(f"configs/inference.json: class_names are not {classes} names; export the training again.")
    return tuple(names)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: is not there, so this is no bundle; name what export_bundle.py wrote.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]}); export the bundle again.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no object but {type(content).__name__}; export the bundle again.")
    return content
