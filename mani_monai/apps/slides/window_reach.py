"""How far around a pixel a network and its steps look: what a tile needs beyond its core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mani_monai.inferers.network_reach import POOLED, network_reach
from mani_monai.known_components import PARTING, STAINS
from mani_monai.model import Model
from mani_monai.transforms.hover_borders import KERNEL
from mani_monai.transforms.hover_instances import LARGEST_HOLE
from mani_monai.transforms.part_nuclei import REACH
from mani_monai.transforms.tissue import REACH as TISSUE_REACH
from mani_monai.utils import InputError

_HOVER_BLUR = 4  # pixels: of its Gaussian filter


def tile_unit(model: Model) -> int:
    """Pixels of whose multiples windows start: 16, or the edge of the network's answer."""
    return model.declaration.output or POOLED


def total_reach(model: Model) -> int:
    """Pixels from a cut within which the nuclei of a window may differ from those of the whole.

    Args:
        model: a network whose steps look around a pixel only.

    Returns:
        the sum over what is tissue, preprocessing, network and parting.

    Raises:
        InputError: when a part of it looks at the whole image.
    """
    return maps_reach(model) + _parting_reach(model.declaration.parting)


def maps_reach(model: Model) -> int:
    """Pixels from a cut within which the network's answer to a window may differ from that to the whole.

    Windows are cut at multiples of :func:`tile_unit`. So of a U-Net whole blocks of as many pixels are the whole's, and
    where a pixel lies in its block does not count.

    Raises:
        InputError: when a part of it looks at the whole image.
    """
    seen = TISSUE_REACH + sum(map(_step_reach, model.declaration.preprocessing)) + answer_reach(model)
    return seen if model.declaration.output else -(-(seen - POOLED + 1) // POOLED) * POOLED


def answer_reach(model: Model) -> int:
    """Pixels from a cut within which a network's answer depends on what lies beyond it.

    A network that answers for the centre of its window gets mirrored pixels at a cut: its outermost answer counts.

    Raises:
        InputError: when it looks at the whole picture.
    """
    output = model.declaration.output
    return network_reach(model.network) if output is None else output


def _step_reach(step: Mapping[str, Any]) -> int:
    target = step["_target_"]
    if target in ("CastToTyped", "ScaleIntensityRanged", STAINS):
        return 0
    if target == "GaussianSmoothd":
        sigma = step.get("sigma", 1.0)
        return int(4 * max(sigma if isinstance(sigma, (list, tuple)) else [sigma])) + 1
    if target == "MedianSmoothd":
        radius = step.get("radius", 1)
        return int(max(radius if isinstance(radius, (list, tuple)) else [radius]))
    raise InputError(
        f"preprocessing: {target} looks at the whole image, so tiles of a slide would not add up; "
        "take a model without it."
    )


def _parting_reach(parting: Mapping[str, Any]) -> int:
    if parting["_target_"] == PARTING:
        return REACH
    radius = int(parting.get("radius", 2))
    hole = int(parting.get("largest_hole") or LARGEST_HOLE)
    return int(parting.get("kernel_size", KERNEL)) // 2 + max(_HOVER_BLUR, radius) + radius + 1 + hole
