"""Which statistics a network's BatchNorm layers use and keep, for single passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def frozen_statistics(network: nn.Module, training: bool | None = None) -> Iterator[None]:
    """Passes inside leave the running statistics of every BatchNorm as they are; afterwards each layer is as before.

    Args:
        network: the network.
        training: whether BatchNorm normalises by the statistics of the batch (True) or by the running ones (False);
            by default as each layer's own mode says.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    before = [(layer.training, layer.track_running_stats) for layer in layers]
    try:
        for layer in layers:
            layer.training = layer.training if training is None else training
            layer.track_running_stats = False
        yield
    finally:
        for layer, (mode, tracks) in zip(layers, before, strict=True):
            layer.training, layer.track_running_stats = mode, tracks
