"""How far the features of a domain are from the batch statistics that a network normalises with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

BASIC_UNET_DEPTHS = {
    "encoder": ("conv_0", "down_1", "down_2", "down_3"),
    "bottleneck": ("down_4",),
    "decoder": ("upcat_4", "upcat_3", "upcat_2", "upcat_1"),
}
"""The parts of MONAI's BasicUNet, by the names of their modules."""


@dataclass(frozen=True)
class ChannelStatistics:
    """Mean and standard deviation, C values each, of what enters a BatchNorm."""

    mean: Tensor
    std: Tensor


def running_statistics(network: nn.Module) -> dict[str, ChannelStatistics]:
    """What each BatchNorm of a network normalises with, by the layer's name."""
    return {
        name: ChannelStatistics(layer.running_mean.clone(), (layer.running_var + layer.eps).sqrt())
        for name, layer in network.named_modules()
        if isinstance(layer, _BatchNorm) and layer.running_mean is not None and layer.running_var is not None
    }


def reestimated_statistics(
    network: nn.Module, images: Iterable[Tensor], device: torch.device
) -> dict[str, ChannelStatistics]:
    """The statistics that AdaBN would give a network: those of ``images`` with every layer before normalised anew.

    Args:
        network: left as it is.
        images: batches, BCHW.
        device: where the network is.
    """
    return running_statistics(reestimated_network(network, images, device))


def reestimated_network(network: nn.Module, images: Iterable[Tensor], device: torch.device) -> nn.Module:
    """A copy of a network with the statistics that AdaBN would give it.

    Args:
        network: left as it is.
        images: batches, BCHW.
        device: where the network is.
    """
    adapted = deepcopy(network)
    update_bn(images, adapted, device=device)
    return adapted


def entering_statistics(network: nn.Module, image: Tensor) -> dict[str, ChannelStatistics]:
    """Statistics of what enters each BatchNorm, by the layer's name, of one image and a network as it is in use.

    Args:
        network: in evaluation mode; left as it is.
        image: CHW.
    """
    found = {}

    def keep(name: str, layer: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0].float(), dim=(0, 2, 3))
        found[name] = ChannelStatistics(mean, (variance + layer.eps).sqrt())

    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, _BatchNorm)]
    hooks = [layer.register_forward_pre_hook(partial(keep, name)) for name, layer in layers]
    try:
        with torch.no_grad():
            network(image[None])
    finally:
        for hook in hooks:
            hook.remove()
    return found


def statistics_distance(found: ChannelStatistics, reference: ChannelStatistics) -> dict[str, float]:
    """Distance of means and of spreads, averaged over channels.

    Returns:
        ``mean``, of |mean_found - mean_reference| / std_reference; ``log_std``, of |log(std_found / std_reference)|.
    """
    return {
        "mean": ((found.mean - reference.mean).abs() / reference.std).mean().item(),
        "log_std": (found.std / reference.std).log().abs().mean().item(),
    }


def distances_by_depth(
    found: Mapping[str, ChannelStatistics],
    reference: Mapping[str, ChannelStatistics],
    depths: Mapping[str, Sequence[str]],
) -> dict[str, dict[str, float]]:
    """Distances of the layers, averaged over each depth of a network.

    Args:
        found: statistics by layer.
        reference: those to measure from.
        depths: names of top modules by depth.

    Returns:
        "mean" and "log_std" by depth.

    Raises:
        ValueError: when a depth has no BatchNorm.
    """
    distances = {}
    for depth, modules in depths.items():
        layers = [name for name in reference if name.split(".")[0] in modules]
        if not layers:
            raise ValueError(f"no BatchNorm in {depth} ({', '.join(modules)}); the layers are {', '.join(reference)}.")
        parts = [statistics_distance(found[name], reference[name]) for name in layers]
        distances[depth] = {name: sum(part[name] for part in parts) / len(parts) for name in parts[0]}
    return distances
