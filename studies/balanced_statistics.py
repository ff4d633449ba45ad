"""Batch statistics of a target whose classes have the source's shares: a candidate that is explored, and not used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, batch_norm
from torch.nn.modules.batchnorm import _BatchNorm

TINY = 1e-5


@torch.no_grad()
def balanced_state(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor | None]], share: float
) -> Mapping[str, Tensor]:
    """A network's state with target statistics in which nuclei have a given share.

    ``mu = sum_c pi_c mu_c`` and ``var = sum_c pi_c (v_c + (mu_c - mu)^2)`` in every layer. Moments of a class are
    weighted by the network's own soft prediction, made with its own statistics, on tissue alone. They are means over
    the batches.

    Args:
        network: the network, which is left as it was.
        batches: BCHW target images, and B1HW masks of tissue; None counts all.
        share: pi of nuclei, in 0..1.

    Returns:
        the state dictionary.
    """
    seen = [(images, tissue, network.eval()(images).softmax(dim=1)[:, 1:2]) for images, tissue in batches]
    source = {name: value.clone() for name, value in network.state_dict().items()}
    layers: list[Any] = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    try:
        for layer in layers:
            layer.reset_running_stats()
        for images, tissue, nuclei in seen:
            weights = torch.ones_like(nuclei) if tissue is None else tissue.to(nuclei)
            classes = ((1 - share, (1 - nuclei) * weights), (share, nuclei * weights))
            for layer in layers:
                layer.__dict__["forward"] = partial(_normalised, layer, classes)
            network(images)
        return {name: value.clone() for name, value in network.state_dict().items()}
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)
        network.load_state_dict(source)


def _normalised(layer: Any, classes: tuple[tuple[float, Tensor], ...], features: Tensor) -> Tensor:
    moments = []
    for part, mask in classes:
        weights = adaptive_avg_pool2d(mask, (features.shape[2], features.shape[3]))
        count = weights.sum().clamp(min=TINY)
        mean = (features * weights).sum((0, 2, 3)) / count
        spread = ((features - mean.view(1, -1, 1, 1)) ** 2 * weights).sum((0, 2, 3)) / count
        moments.append((part, mean, spread))
    mean = torch.stack([part * own for part, own, _ in moments]).sum(0)
    variance = torch.stack([part * (spread + (own - mean) ** 2) for part, own, spread in moments]).sum(0)
    layer.num_batches_tracked.add_(1)
    step = 1 / float(layer.num_batches_tracked)
    layer.running_mean.lerp_(mean, step)
    layer.running_var.lerp_(variance, step)
    return batch_norm(features, mean, variance, layer.weight, layer.bias, False, 0.0, layer.eps)
