"""The networks that a declaration may name: nothing else is ever built of a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mani_monai.utils import InputError

if TYPE_CHECKING:
    from torch import nn

WINDOWS = {"fast": (256, 164), "original": (270, 80)}
"""Edges in pixels of HoVer-Net's input and output, by mode (Graham et al. 2019, section 3)."""


@dataclass(frozen=True)
class KnownNetwork:
    """A network by its ``_target_``.

    Attributes:
        deployed: its ``_target_`` in inference.
        arguments: names that its ``network_def`` may have.
        training_only: those that matter in training alone.
        named: those that stand at the top of ``inference.json``.
        build: makes the deployed network of its arguments.
        check: refuses arguments that are of no use.
        output: edge of its answer to a window, in pixels; None where it is the window's.
        types: how many classes of nuclei it tells apart, background included; 0 for none.
    """

    deployed: str
    arguments: tuple[str, ...]
    training_only: tuple[str, ...]
    named: tuple[str, ...]
    build: Callable[[Mapping[str, Any]], nn.Module]
    check: Callable[[Mapping[str, Any]], None]
    output: Callable[[Mapping[str, Any]], int | None]
    types: Callable[[Mapping[str, Any]], int]


def _unet(arguments: Mapping[str, Any]) -> nn.Module:
    from monai.networks.nets import BasicUNet

    return BasicUNet(**arguments)


def _check_unet(arguments: Mapping[str, Any]) -> None:
    features = arguments.get("features")
    whole = isinstance(features, (list, tuple)) and all(type(width) is int for width in features)
    if not whole or len(features) != 6 or not all(0 < width <= 4096 for width in features):
        raise InputError(f"network: features are {features!r}; write six whole numbers from 1 to 4096.")
    for name, value in {"spatial_dims": 2, "in_channels": 3}.items():
        if arguments.get(name) != value:
            raise InputError(f"network: {name} is {arguments.get(name)!r}; an RGB image needs {value}.")


def _hovernet(arguments: Mapping[str, Any]) -> nn.Module:
    from mani_monai.networks.nets import ConcatHoVerNet

    return ConcatHoVerNet(**arguments)


def _check_hovernet(arguments: Mapping[str, Any]) -> None:
    mode, types = arguments.get("mode", "fast"), arguments.get("out_classes", 0)
    if mode not in WINDOWS:
        raise InputError(f"network: mode is {mode!r}; choose {' or '.join(WINDOWS)}.")
    if type(types) is not int or not 0 <= types <= 255:
        raise InputError(f"network: out_classes is {types!r}; write a whole number from 0 to 255.")


_HOVERNET = KnownNetwork(
    deployed="mani_monai.networks.nets.ConcatHoVerNet",
    arguments=(
        "mode",
        "in_channels",
        "out_classes",
        "act",
        "norm",
        "decoder_padding",
        "dropout_prob",
        "freeze_encoder",
    ),
    training_only=("freeze_encoder",),
    named=("mode", "out_classes"),
    build=_hovernet,
    check=_check_hovernet,
    output=lambda arguments: WINDOWS[arguments.get("mode", "fast")][1],
    types=lambda arguments: arguments.get("out_classes", 0),
)

NETWORKS = {
    "BasicUNet": KnownNetwork(
        deployed="BasicUNet",
        arguments=(
            "spatial_dims",
            "in_channels",
            "out_channels",
            "features",
            "act",
            "norm",
            "bias",
            "dropout",
            "upsample",
        ),
        training_only=(),
        named=("features",),
        build=_unet,
        check=_check_unet,
        output=lambda arguments: None,
        types=lambda arguments: 0,
    ),
    "HoVerNet": _HOVERNET,
    "mani_monai.networks.nets.ConcatHoVerNet": _HOVERNET,
}
"""By the ``_target_`` of a config. Another network of this project has its entry here."""
