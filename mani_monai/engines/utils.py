"""Small pieces that a config names around the stock engines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from monai.inferers import Inferer
from torch import Tensor, nn

SHORT = 5400
REMEDY = (
    "For minutes, name the overlay quick.json too: --config_file \"['<configs>/train.json','<configs>/quick.json']\"."
)


def loss_terms(output: Mapping[str, Any]) -> dict[str, float]:
    """Every scalar of a trainer's output by name: the total ``loss``, each term and each count.

    Args:
        output: ``engine.state.output`` of a trainer with ``decollate=False``.

    Returns:
        plain numbers, for log handlers.
    """
    return {name: value.item() for name, value in output.items() if isinstance(value, Tensor) and value.dim() == 0}


def announce_cost(
    network: nn.Module,
    inferer: Inferer,
    device: torch.device,
    iterations: int,
    warmup: int,
    batch_size: int,
    crop_size: int,
) -> None:
    """On a CPU, measures one small training step and prints what the whole training takes at that speed.

    Args:
        network: the network; a copy of it is timed.
        inferer: what runs it in training.
        device: where training runs.
        iterations: training steps.
        warmup: those without a target batch.
        batch_size: images of a domain in a step.
        crop_size: edge of an image in pixels.
    """
    if device.type != "cpu":
        return
    probe = min(crop_size, 128)
    copy, image = deepcopy(network).train(), torch.rand(1, 3, probe, probe)
    inferer(image, copy).mean().backward()
    start = time.perf_counter()
    inferer(image, copy).mean().backward()
    images = batch_size * (2 * iterations - min(warmup, iterations))
    seconds = (time.perf_counter() - start) * (crop_size / probe) ** 2 * images
    long = seconds > SHORT
    duration = f"{seconds / 3600:.1f} hours" if long else f"{max(seconds / 60, 1):.0f} minutes"
    print(
        f"Training on CPU: {iterations} iterations of {batch_size} images of {crop_size} px from each domain take "
        f"about {duration} here." + (f" {REMEDY}" if long else ""),
        flush=True,
    )
