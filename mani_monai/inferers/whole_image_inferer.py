"""Images of any size through a network that takes any size."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from monai.inferers import Inferer, SlidingWindowInferer
from torch import Tensor, nn

from mani_monai.transforms.rescaling import LEAST_SIDE, is_taken_whole

from .network_reach import POOLED, network_reach

CORE = 1024
"""Pixels of a side of the parts that a larger image is answered in."""


class WholeImageInferer(Inferer):
    """One pass over an image, or, of a very large one, the same answer part by part.

    A part is asked for with as many pixels around it as the network looks at, so that nothing is blended.
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
        if min(height, width) < LEAST_SIDE:
            edges = (max(height, LEAST_SIDE), max(width, LEAST_SIDE))
            return SlidingWindowInferer(edges)(inputs, network, *args, **kwargs)  # one window, which it pads
        if is_taken_whole((height, width)):
            return network(inputs, *args, **kwargs)
        if not isinstance(network, nn.Module):
            raise TypeError(f"network must be a module for images of {height}x{width}, got {type(network).__name__}.")
        halo = -(-network_reach(network) // POOLED) * POOLED
        answer = inputs.new_empty(0)
        for top, left in product(range(0, height, CORE), range(0, width, CORE)):
            above, before = max(top - halo, 0), max(left - halo, 0)
            part = inputs[:, :, above : top + CORE + halo, before : left + CORE + halo]
            found = network(part, *args, **kwargs)[:, :, top - above :, left - before :][:, :, :CORE, :CORE]
            if not answer.numel():
                answer = found.new_empty(*found.shape[:2], height, width)
            answer[:, :, top : top + CORE, left : left + CORE] = found
        return answer
