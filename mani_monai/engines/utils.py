"""Small pieces that a config names around the stock engines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


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
    device: torch.device,
    iterations: int,
    batch_size: int,
    crop_size: int,
    passes: int = 2,
    overlay: str = "quick.json",
) -> None:
    """On a CPU, measures one small training step and prints what the whole training takes at that speed.

    Args:
        network: the network; a copy of it is timed.
        device: where training runs.
        iterations: training steps.
        batch_size: images of a domain in a step.
        crop_size: edge of an image in pixels.
        passes: forward-backward passes a step, 2 where a target batch follows the source batch.
        overlay: what to name to somebody in a hurry.
    """
    if device.type != "cpu":
        return
    probe = min(crop_size, 128)
    copy, image = deepcopy(network).train(), torch.rand(1, 3, probe, probe)
    copy(image).mean().backward()
    start = time.perf_counter()
    copy(image).mean().backward()
    seconds = (time.perf_counter() - start) * (crop_size / probe) ** 2 * batch_size * passes * iterations
    duration = f"{seconds / 3600:.1f} hours" if seconds > 5400 else f"{seconds / 60:.0f} minutes"
    print(
        f"Training on CPU: {iterations} iterations of {batch_size} images of {crop_size} px from each domain take "
        f"about {duration} here in float32. For minutes, add configs/{overlay} as a second --config_file.",
        flush=True,
    )
