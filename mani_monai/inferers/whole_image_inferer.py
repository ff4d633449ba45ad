"""Images of any size through a network that takes any size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import torch
from monai.inferers import Inferer, SlidingWindowInferer
from torch import Tensor, nn

from mani_monai.transforms.rescaling import LEAST_SIDE, is_taken_whole

from .blocked_unet import blocked_unet
from .folded_unet import FoldedUNet
from .network_reach import POOLED, network_reach

MOST_BLOCKED = 3072**2
"""Pixels that a network gets at once which is computed in blocks, hence in less memory."""
CORE = 1024
"""Pixels of a side of the parts that a larger image is answered in."""
CORE_BLOCKED = 2048
"""Those of a network that is computed in blocks."""


class WholeImageInferer(Inferer):
    """One pass over an image, or, of a very large one, the same answer part by part.

    A part is asked for with as many pixels around it as the network looks at, so that nothing is blended. On a CPU,
    where no gradient is asked for, a BasicUNet with batch normalisation is computed by :func:`blocked_unet`.
    """

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """
        Args:
            inputs: BCHW images.
            network: takes BCHW, returns BKHW; a module, where an image is very large.
            args: further arguments of the network.
            kwargs: further keyword arguments of the network.

        Returns:
            BKHW.

        Raises:
            InputError: when an image is very large and the network looks at the whole of it.
            TypeError: when an image is very large and the network is no module.
        """
        height, width = inputs.shape[2:]
        unet = None if args or kwargs else _folded(inputs, network)
        ask = partial(network, *args, **kwargs) if unet is None else partial(blocked_unet, unet)
        core = CORE if unet is None else CORE_BLOCKED
        if min(height, width) < LEAST_SIDE:
            edges = (max(height, LEAST_SIDE), max(width, LEAST_SIDE))
            return SlidingWindowInferer(edges)(inputs, ask)  # one window, which it pads
        if is_taken_whole((height, width)) if unet is None else height * width <= MOST_BLOCKED:
            return ask(inputs)
        if not isinstance(network, nn.Module):
            raise TypeError(f"network must be a module for images of {height}x{width}, got {type(network).__name__}.")
        halo = -(-network_reach(network) // POOLED) * POOLED
        answer = inputs.new_empty(0)
        for top, left in product(range(0, height, core), range(0, width, core)):
            above, before = max(top - halo, 0), max(left - halo, 0)
            part = inputs[:, :, above : top + core + halo, before : left + core + halo]
            found = ask(part)[:, :, top - above :, left - before :][:, :, :core, :core]
            if not answer.numel():
                answer = found.new_empty(*found.shape[:2], height, width)
            answer[:, :, top : top + core, left : left + core] = found
        return answer


def _folded(inputs: Tensor, network: Callable[..., Any]) -> FoldedUNet | None:
    """The network with its normalisation folded, in the precision of autocast; None where it runs as it is."""
    if inputs.device.type != "cpu" or torch.is_grad_enabled():
        return None
    half = torch.is_autocast_enabled("cpu")
    return FoldedUNet.of(network, torch.get_autocast_dtype("cpu") if half else inputs.dtype)
