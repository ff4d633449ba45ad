"""Small pieces that a config names around the stock engines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from monai.inferers import Inferer
from monai.utils.enums import HoVerNetBranch
from torch import Tensor, nn

SHORT = 5400
REMEDY = "Budgets differ: mani configs lists them, and quick is the shortest."
PROBES = 3


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
    probe_size: int = 128,
) -> None:
    """On a CPU, measures a small training step and prints what the whole training takes at that speed.

    The fastest of three steps counts: other processes slow single ones down.

    Args:
        network: the network; a copy of it is timed.
        inferer: what runs it in training.
        device: where training runs.
        iterations: training steps.
        warmup: those without a target batch; all of them where nothing adapts.
        batch_size: images of a domain in a step.
        crop_size: edge of an image in pixels.
        probe_size: edge of the one image that is timed; networks of a fixed input size need theirs.
    """
    if device.type != "cpu":
        return
    probe = min(crop_size, probe_size)
    copy, image = deepcopy(network).train(), torch.rand(1, 3, probe, probe)

    def step() -> None:
        output = inferer(image, copy)
        branches = output.values() if isinstance(output, Mapping) else [output]
        sum((branch.mean() for branch in branches), torch.zeros(())).backward()

    def duration_of_a_step() -> float:
        start = time.perf_counter()
        step()
        return time.perf_counter() - start

    step()
    images = batch_size * (2 * iterations - min(warmup, iterations))
    seconds = min(duration_of_a_step() for _ in range(PROBES)) * (crop_size / probe) ** 2 * images
    long = seconds > SHORT
    duration = f"{seconds / 3600:.1f} hours" if long else f"{max(seconds / 60, 1):.0f} min"
    domains = "from each domain" if warmup < iterations else "of the source"
    print(
        f"Training on CPU: {iterations} iterations of {batch_size} images of {crop_size} px {domains} take "
        f"about {duration} here, validation aside." + (f" {REMEDY}" if long else ""),
        flush=True,
    )


def prepare_hovernet_batch(
    batch: Mapping[str, Tensor],
    device: str | torch.device | None = None,
    non_blocking: bool = False,
    **kwargs: Any,
) -> tuple[Tensor, dict[str, Tensor]]:
    """A batch as HoVer-Net and its loss take it; MONAI's ``PrepareBatchHoVerNet`` demands cell types.

    Args:
        batch: ``image`` B3HW, ``label`` one-hot B2hw, ``hover_map`` B2hw and, where there is one, ``type_map`` BChw.
        device: where to.
        non_blocking: as in ``Tensor.to``.
        kwargs: further options of ``Tensor.to``.

    Returns:
        the image, and the labels by the name of their branch.
    """

    def to_device(key: str) -> Tensor:
        return batch[key].to(device=device, non_blocking=non_blocking, **kwargs)

    branches = {HoVerNetBranch.NP: "label", HoVerNetBranch.HV: "hover_map", HoVerNetBranch.NC: "type_map"}
    return to_device("image"), {branch.value: to_device(key) for branch, key in branches.items() if key in batch}
