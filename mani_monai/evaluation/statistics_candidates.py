"""Batch statistics of one network, from the source to the target.

No weight changes. What the candidates differ in are the running means and variances of the batch norms alone (AdaBN, Li
et al. 2016; mixed with the source's, Schneider et al. 2020).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise, product

import numpy as np
import torch
from torch import Tensor, nn

from mani_monai.networks.layers.batch_statistics import reestimate_statistics
from mani_monai.utils import InputError

SOURCE_SHARES = {"source": 1.0, "half": 0.5, "target": 0.0}
"""Candidates, the least changed first: the part of means and variances that the source's have."""
CROP, BATCH = 256, 8
"""Side of the crops in pixels, and crops a batch, that the target's statistics are estimated from."""
_STEP = 16  # pixels that a side is a multiple of: what the network halves four times
_STATISTICS = ("running_mean", "running_var")


def candidate_states(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor | None]]
) -> dict[str, dict[str, Tensor]]:
    """State dictionaries of a network with the batch statistics of ``SOURCE_SHARES``, by name.

    The target's are those of tissue, averaged over the batches, each with equal weight.

    Args:
        network: the network, which is left as it was.
        batches: BCHW target images as the network takes them, on its device, and B1HW masks, nought where there is no
            tissue; None counts all of them.

    Raises:
        InputError: when the network has no batch statistics, or no batch has tissue.
    """
    source = {name: value.clone() for name, value in network.state_dict().items()}
    if not any(name.endswith(_STATISTICS) for name in source):
        raise InputError("the network has no batch statistics; adapt it with --source, or name another --model.")
    reestimate_statistics(network, batches)
    target = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(source)
    return {name: _between(source, target, share) for name, share in SOURCE_SHARES.items()}


def _between(source: Mapping[str, Tensor], target: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    return {
        name: torch.lerp(target[name], value, share) if name.endswith(_STATISTICS) else value
        for name, value in source.items()
    }


def crop_batches(images: Sequence[Tensor], crop: int = CROP, size: int = BATCH, once: bool = False) -> list[Tensor]:
    """Batches of crops that cover images, each batch of as many images as there are.

    Crops are evenly spread from border to border. They overlap where a side is no multiple of theirs. A rest of less
    than 16 pixels is left out.

    Args:
        images: CHW, or their masks 1HW, which are cropped alike.
        crop: side of a crop, in pixels; the smallest side of an image where that is less, down to a multiple of 16.
        size: of a batch, at most.
        once: of masks: a pixel of two crops stays in the one whose middle is nearer, and is nought in the other.

    Returns:
        BCHW.

    Raises:
        ValueError: when an image is less than 16 pixels high or wide.
    """
    smallest = min(min(image.shape[1:]) for image in images)
    if smallest < _STEP:
        raise ValueError(f"images must be {_STEP} pixels high and wide at least, got one of {smallest}.")
    side = crop if crop <= smallest else smallest // _STEP * _STEP
    parts = [_parts(image, side, once) for image in images]
    deepest = max(len(crops) for crops in parts)
    mixed = [crops[place] for place in range(deepest) for crops in parts if place < len(crops)]
    groups = np.array_split(np.arange(len(mixed)), -(-len(mixed) // size))
    return [torch.stack([mixed[number] for number in group]) for group in groups]


def _parts(image: Tensor, side: int, once: bool) -> list[Tensor]:
    rows, columns = (_spans(length, side) for length in image.shape[1:])
    crops = []
    for (row, own_rows), (column, own_columns) in product(rows, columns):
        crop = part = image[:, row : row + side, column : column + side]
        if once:
            crop = torch.zeros_like(part)
            crop[:, own_rows, own_columns] = part[:, own_rows, own_columns]
        crops.append(crop)
    return crops


def _spans(length: int, side: int) -> list[tuple[int, slice]]:
    """Where crops begin along an edge, from its first pixel to its last, and which of a crop's pixels are its own."""
    count = -(-(length - _STEP + 1) // side)
    starts = np.linspace(0, length - side if count > 1 else 0, count).round().astype(int).tolist()
    between = [(before + side + after) // 2 for before, after in pairwise(starts)]  # the middle of an overlap
    owned = pairwise([0, *between, starts[-1] + side])
    return [(start, slice(first - start, stop - start)) for start, (first, stop) in zip(starts, owned, strict=True)]
