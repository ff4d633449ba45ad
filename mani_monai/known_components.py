"""The networks and transforms that a declaration may name: nothing else is ever built of a bundle."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mani_monai.utils import InputError

if TYPE_CHECKING:
    from monai.transforms import MapTransform
    from torch import nn

PIECES = "mani_monai.transforms."
PARTING, HOVER_PARTING = f"{PIECES}PartNucleid", f"{PIECES}HoVerNetInstancesd"
STAINS = f"{PIECES}NormaliseStainsd"
PARTINGS = (PARTING, HOVER_PARTING)
"""Transforms that make instances of a network's answer."""
STEPS = {
    "CastToTyped",
    "GaussianSmoothd",
    "HistogramNormalized",
    "MedianSmoothd",
    "NormalizeIntensityd",
    "ScaleIntensityd",
    "ScaleIntensityRanged",
    "ScaleIntensityRangePercentilesd",
    STAINS,
}
"""Transforms that may stand in ``preprocessing``, by the names that a config gives them: nothing random, no change of
shape. A method that needs another one adds it here."""
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


def is_known_target(name: str) -> bool:
    """Whether a declaration may name this ``_target_``."""
    return name in STEPS or name in PARTINGS or name in NETWORKS


def plain_component(component: Any, part: str, known: Collection[str]) -> dict[str, Any]:
    """A component of a known target whose arguments are numbers, names and lists of these, without its ``_desc_``.

    Args:
        component: as JSON gives it.
        part: the key that it stands at, for messages.
        known: the targets that it may have.

    Raises:
        InputError: when its target is another one, or an argument is no plain value.
    """
    target = component.get("_target_") if isinstance(component, Mapping) else None
    if target not in known:
        raise InputError(f"{part}: {target!r} is not known here; choose among {', '.join(sorted(known))}.")
    arguments = {name: value for name, value in component.items() if name != "_desc_"}
    for name, value in arguments.items():
        if name != "_target_" and (name.startswith("_") or not _is_plain(value)):
            raise InputError(f"{part}: {name} of {target} is no plain value but {str(value)[:80]!r}.")
    return arguments


def _is_plain(value: Any) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(_is_plain(item) for item in value)
    if isinstance(value, str):
        return not value.startswith(("$", "@", "%"))
    return value is None or (isinstance(value, (bool, int, float)) and math.isfinite(value))


def built(component: Mapping[str, Any]) -> MapTransform:
    """The transform that a known component describes.

    Args:
        component: its ``_target_`` and arguments.

    Raises:
        InputError: when it does not take its arguments.
    """
    arguments = {name: value for name, value in component.items() if name != "_target_"}
    try:
        return _class_of(component["_target_"])(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(f"{component['_target_']}: {' '.join(str(error).split())[:200]}") from error


def _class_of(target: str) -> Callable[..., MapTransform]:
    """The class of a target that is known here."""
    if target.startswith(PIECES):
        import mani_monai.transforms as pieces

        return getattr(pieces, target.removeprefix(PIECES))
    import monai.transforms as pieces

    return getattr(pieces, target)
