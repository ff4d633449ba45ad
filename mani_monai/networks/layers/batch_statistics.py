"""Which statistics a network's BatchNorm layers use and keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, batch_norm
from torch.nn.modules.batchnorm import _BatchNorm

from mani_monai.utils import InputError

from .map_strides import MapStrides, stride_of

LEAST_TISSUE = 0.01
"""Share of a batch's pixels; a batch of less tells nothing."""


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


def check_statistics(network: nn.Module) -> list[Any]:
    """The layers of a network that keep running statistics of batches.

    Args:
        network: the network.

    Raises:
        InputError: when it has none, say as it normalises each image by itself.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    layers = [layer for layer in layers if layer.running_mean is not None]
    if not layers:
        raise InputError(
            "the network has no batch statistics to estimate again; leave out adabn, reestimate and stain_adabn, or "
            "train one with batch normalisation."
        )
    return layers


@torch.no_grad()
def reestimate_statistics(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor | None]], device: torch.device | str | None = None
) -> None:
    """Replaces the running statistics of every BatchNorm by the mean of those of some batches, weighted equally.

    The network is in training mode meanwhile, and no weight changes. Where all of a batch is tissue this is
    ``torch.optim.swa_utils.update_bn``, bit for bit. Elsewhere layers normalise by the tissue's statistics, too. Where
    a layer's map sees no tissue of a batch, say as it was cropped, all of that map counts.

    Args:
        network: of two-dimensional images.
        batches: BCHW images, and B1HW masks that are nought where there is no tissue; None counts all of them.
            Batches with less than a hundredth of tissue are left out.
        device: where the network is; that of the images by default.

    Raises:
        InputError: when the network has no batch statistics, no batch is left, or a layer's maps cannot be followed;
            the statistics are then as they were.
    """
    layers = check_statistics(network)
    before = [({name: value.clone() for name, value in layer.named_buffers()}, layer.momentum) for layer in layers]
    training, count, done = network.training, 0, False
    network.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean of all batches
    try:
        for images, tissue in batches:
            if tissue is not None and tissue.float().mean() < LEAST_TISSUE:
                continue
            with ExitStack() as stack:
                images = images.to(device)
                if tissue is not None and not (tissue > 0).all():
                    stack.enter_context(_tissue_alone(layers, tissue.to(device)))
                    stack.enter_context(MapStrides(images))
                network(images)
            count += 1
        done = count > 0
    finally:
        network.train(training)
        for layer, (statistics, momentum) in zip(layers, before, strict=True):
            layer.momentum = momentum
            if not done:
                for name, value in statistics.items():
                    layer.get_buffer(name).copy_(value)
    if not done:
        raise InputError(
            f"the target: no batch of its images has {LEAST_TISSUE:.0%} of tissue, so it has no batch statistics; name "
            "images that show tissue."
        )


@contextmanager
def _tissue_alone(layers: list[_BatchNorm], tissue: Tensor) -> Iterator[None]:
    """Layers normalise by the statistics of tissue, and keep those."""
    try:
        for layer in layers:
            layer.__dict__["forward"] = partial(_normalised, layer, tissue.float())
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)


def _normalised(layer: Any, tissue: Tensor, features: Tensor) -> Tensor:
    weights = _tissue_of(tissue, (features.shape[2], features.shape[3]), stride_of(features))
    count = weights.sum()
    mean = (features * weights).sum((0, 2, 3)) / count
    variance = ((features - mean.view(1, -1, 1, 1)) ** 2 * weights).sum((0, 2, 3)) / count
    layer.num_batches_tracked.add_(1)
    share = 1 / float(layer.num_batches_tracked)
    layer.running_mean.lerp_(mean, share)
    layer.running_var.lerp_(variance * count / (count - 1).clamp(min=1), share)
    return batch_norm(features, mean, variance, layer.weight, layer.bias, False, 0.0, layer.eps)


def _tissue_of(tissue: Tensor, size: tuple[int, int], stride: float) -> Tensor:
    """The share of tissue in every pixel of a map, which shows the middle of the images where it is cropped."""
    middle = []
    for edge, length in zip(tissue.shape[-2:], size, strict=True):
        seen = min(round(length * stride), edge)
        middle.append(slice((edge - seen) // 2, (edge - seen) // 2 + seen))
    shares = adaptive_avg_pool2d(tissue[..., middle[0], middle[1]], size)
    return shares if shares.any() else torch.ones_like(shares)
