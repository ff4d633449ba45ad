"""The parts that a declaration may have: known networks and transforms with plain arguments, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mani_monai.known_networks import NETWORKS
from mani_monai.utils import InputError

if TYPE_CHECKING:
    from monai.transforms import MapTransform

PIECES = "mani_monai.transforms."
PARTING, HOVER_PARTING = f"{PIECES}PartNucleid", f"{PIECES}HoVerNetInstancesd"
STAINS = f"{PIECES}NormaliseStainsd"
PARTINGS = (PARTING, HOVER_PARTING)
"""Transforms that make instances of a network's answer."""
_PLACES = {"keys", "instances_key", "table_key", "polygons_key"}  # of a parting: its place in a config
IMAGE = "image"
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
    return value is None or (isinstance(value, (bool, int, float)) and abs(value) <= sys.float_info.max)


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


def known_network(network: Any) -> dict[str, Any]:
    """A ``network_def`` that is known here, without references.

    Args:
        network: as JSON gives it.

    Raises:
        InputError: when it is none, or has an argument that is unknown or of no use.
    """
    arguments = plain_component(network, "network", NETWORKS)
    unknown = arguments.keys() - {"_target_"} - set(NETWORKS[arguments["_target_"]].arguments)
    if unknown:
        raise InputError(f"network: {arguments['_target_']} has no argument {min(unknown)!r} here.")
    NETWORKS[arguments["_target_"]].check(arguments)
    return arguments


def known_steps(steps: Any) -> tuple[dict[str, Any], ...]:
    """Steps of a preprocessing, all of which are known here.

    Args:
        steps: as JSON gives them.

    Raises:
        InputError: when it is no list, or one of them is none, or is of another key than the image's.
    """
    if isinstance(steps, str) or not isinstance(steps, Sequence):
        raise InputError("preprocessing: is no list of steps.")
    return tuple(_step(step) for step in steps)


def _step(step: Any) -> dict[str, Any]:
    arguments = plain_component(step, "preprocessing", STEPS)
    if arguments.get("keys") not in (IMAGE, [IMAGE]):
        raise InputError(f"preprocessing: {arguments['_target_']} must have the keys {IMAGE!r}.")
    return arguments


def known_parting(parting: Any) -> dict[str, Any]:
    """A parting that is known here, without its place in a config.

    Args:
        parting: as JSON gives it.

    Raises:
        InputError: when it is none.
    """
    return {name: value for name, value in plain_component(parting, "parting", PARTINGS).items() if name not in _PLACES}
