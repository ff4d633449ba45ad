"""Images of any size through a network that takes any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monai.inferers import Inferer, SimpleInferer, SlidingWindowInferer
from torch import Tensor

MOST_WHOLE = 2048**2
"""Pixels that a network which takes whole images gets at once."""
LARGE_WINDOW = 1024
"""Pixels of a window's side, for images beyond that."""
LEAST_SIDE = 16
"""Pixels of the smallest side: what four poolings leave one pixel of."""


class WholeImageInferer(Inferer):
    """MONAI's SlidingWindowInferer with a quarter of overlap, or one pass over the whole image.

    Args:
        window: edge of the windows in pixels; below 1 it takes whole images, but for very large ones.
    """

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """
        Args:
            inputs: BCHW images.
            network: takes BCHW, returns BKHW.
            args: further arguments of the network.
            kwargs: further keyword arguments of the network.

        Returns:
            BKHW.
        """
        return self._inferer(*inputs.shape[2:])(inputs, network, *args, **kwargs)

    def _inferer(self, height: int, width: int) -> Inferer:
        edges = (self.window, self.window)
        if self.window < 1:
            edges = (LARGE_WINDOW, LARGE_WINDOW)
            if height * width <= MOST_WHOLE:
                if min(height, width) >= LEAST_SIDE:
                    return SimpleInferer()  # one window: nothing to blend
                edges = (max(height, LEAST_SIDE), max(width, LEAST_SIDE))
        return SlidingWindowInferer(edges, sw_batch_size=4, overlap=0.25, mode="gaussian")
