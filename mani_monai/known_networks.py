"""The networks that a declaration may name: none other is ever built of a bundle."""

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
        named: those that stand at the top of ``inference.json``, and the keys there.
        build: makes the deployed network of its arguments.
        check: refuses arguments that are of no use.
        output: edge of its answer to a window, in pixels; None where it is the window's.
        types: how many classes of nuclei it tells apart, background included; 0 for none.
    """

    deployed: str
    arguments: tuple[str, ...]
    training_only: tuple[str, ...]
    named: Mapping[str, str]
    build: Callable[[Mapping[str, Any]], nn.Module]
    check: Callable[[Mapping[str, Any]], None]
    output: Callable[[Mapping[str, Any]], int | None]
    types: Callable[[Mapping[str, Any]], int]


def _unet(arguments: Mapping[str, Any]) -> nn.Module:
    from monai.networks.nets import BasicUNet

    return BasicUNet(**arguments)


def _check_unet(arguments: Mapping[str, Any]) -> None:
    _check_features(arguments.get("features"))
    for name, value in {"spatial_dims": 2, "in_channels": 3}.items():
        if arguments.get(name) != value:
            raise InputError(f"network: {name} is {arguments.get(name)!r}; an RGB image needs {value}.")
    if (channels := arguments.get("out_channels", 2)) not in (2, 3):
        raise InputError(f"network: out_channels are {channels!r}; write 2, or 3 with a contour or a distance.")


def _check_features(features: Any) -> None:
    whole = isinstance(features, (list, tuple)) and all(type(width) is int for width in features)
    if not whole or len(features) != 6 or not all(0 < width <= 4096 for width in features):
        raise InputError(f"network: features are {features!r}; write six whole numbers from 1 to 4096.")


def _hovernet(arguments: Mapping[str, Any]) -> nn.Module:
    from mani_monai.networks.nets import ConcatHoVerNet

    return ConcatHoVerNet(**arguments)


def _check_hovernet(arguments: Mapping[str, Any]) -> None:
    mode = arguments.get("mode", "fast")
    if mode not in WINDOWS:
        raise InputError(f"network: mode is {mode!r}; choose {' or '.join(WINDOWS)}.")
    _check_types(arguments.get("out_classes", 0))


def _light_hovernet(arguments: Mapping[str, Any]) -> nn.Module:
    from mani_monai.networks.nets import ConcatLightHoVerNet

    return ConcatLightHoVerNet(**arguments)


def _check_light(arguments: Mapping[str, Any]) -> None:
    output = arguments.get("output", 164)
    if type(output) is not int or not 1 <= output <= 8192:
        raise InputError(f"network: output is {output!r}; write pixels, 1 to 8192.")
    _check_features(arguments.get("features", (32, 32, 64, 128, 256, 32)))
    _check_types(arguments.get("out_classes", 0))


def _check_types(types: Any) -> None:
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
    named={"mode": "mode", "out_classes": "out_classes"},
    build=_hovernet,
    check=_check_hovernet,
    output=lambda arguments: WINDOWS[arguments.get("mode", "fast")][1],
    types=lambda arguments: arguments.get("out_classes", 0),
)

_LIGHT = KnownNetwork(
    deployed="mani_monai.networks.nets.ConcatLightHoVerNet",
    arguments=("features", "output", "out_classes", "in_channels"),
    training_only=(),
    named={"features": "features", "output": "output_size", "out_classes": "out_classes"},
    build=_light_hovernet,
    check=_check_light,
    output=lambda arguments: arguments.get("output", 164),
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
        named={"features": "features"},
        build=_unet,
        check=_check_unet,
        output=lambda arguments: None,
        types=lambda arguments: 0,
    ),
    "HoVerNet": _HOVERNET,
    "mani_monai.networks.nets.ConcatHoVerNet": _HOVERNET,
    "mani_monai.networks.nets.LightHoVerNet": _LIGHT,
    "mani_monai.networks.nets.ConcatLightHoVerNet": _LIGHT,
}
"""By the ``_target_`` of a config. Another network of this project has its entry here."""
