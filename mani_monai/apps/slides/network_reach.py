"""How far around a pixel a network and its steps look: what a tile needs beyond its core."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mani_monai.known_components import PARTING, PIECES
from mani_monai.model import Model
from mani_monai.transforms.part_nuclei import REACH
from mani_monai.transforms.tissue import REACH as TISSUE_REACH
from mani_monai.utils import InputError

POOLED = 16
"""Pixels that one pixel of a U-Net's deepest map stands for: windows start at multiples of it."""
STAINS = f"{PIECES}NormaliseStainsd"
KERNEL = 21  # of HoVerNetInstancesd by default
LARGEST_HOLE = 64
"""Pixels of either edge of a hole in HoVer-Net's nuclei that is filled on slides: 16 um at 40x."""
_EDGE = 512  # pixels of the picture that the reach is measured in
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
    steps = sum(map(_step_reach, model.declaration.preprocessing))
    return TISSUE_REACH + steps + network_reach(model) + _parting_reach(model.declaration.parting)


def network_reach(model: Model) -> int:
    """Pixels from a cut within which a network's answer depends on what lies beyond it.

    A network that answers for the centre of its window gets mirrored pixels at a cut: its outermost answer counts.
    Of another, the gradient says what a block of 16 pixels looks at, and where a pixel lies in its block adds up to 15.
    It is measured on a copy in float64 of positive weights, whose poolings average, so that nothing cancels out.

    Args:
        model: its network takes pictures of any size, or has a fixed answer.

    Raises:
        InputError: when it looks at the whole picture, as with instance normalisation.
    """
    if model.declaration.output is not None:
        return model.declaration.output
    network = _positive(copy.deepcopy(model.network).cpu().double())
    generator = torch.Generator().manual_seed(0)
    image = torch.rand((1, 3, _EDGE, _EDGE), dtype=torch.float64, generator=generator).add(0.5).requires_grad_()
    first = _EDGE // 2
    block = slice(first, first + POOLED)
    network(image)[:, :, block, block].sum().backward()
    assert image.grad is not None
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    far = 0
    for axis in (0, 1):
        places = seen.any(dim=1 - axis).nonzero()[:, 0]
        if not len(places):
            continue
        start, stop = int(places[0]), int(places[-1]) + 1
        if start == 0 or stop == _EDGE:
            raise InputError(
                "the network looks at the whole picture, so tiles of a slide would not add up; train one with "
                "batch normalisation."
            )
        far = max(far, first - start, stop - first - POOLED)
    return far + POOLED - 1


def _positive(network: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_().add_(1e-3)
        for name, value in network.named_buffers():
            if name.endswith("running_mean"):
                value.zero_()
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
    return network


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
    return int(parting.get("kernel_size", KERNEL)) // 2 + max(_HOVER_BLUR, radius) + radius + 1 + LARGEST_HOLE
