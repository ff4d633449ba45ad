"""Inference in the precision and memory layout that a machine is fastest in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer
from torch import Tensor

from scripts.utils.devices import PRECISIONS, computes_bfloat16


class AutocastInferer(Inferer):
    """Another inferer under autocast, on CPU as on GPU; MONAI's engines autocast on CUDA alone.

    Outputs come back as float32, so that losses are computed in full precision.

    Args:
        precision: "float32", "bfloat16", or "auto": bfloat16 where the device computes in it.
        channels_last: hand the network images in channels-last layout (faster convolutions on CPU).
        inferer: what runs the network; a plain forward pass by default.

    Raises:
        ValueError: when ``precision`` is unknown.
    """

    def __init__(self, precision: str = "float32", channels_last: bool = False, inferer: Inferer | None = None) -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}.")
        self.precision = precision
        self.channels_last = channels_last
        self.inferer = SimpleInferer() if inferer is None else inferer

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """
        Args:
            inputs: BCHW images.
            network: the network, or anything callable with images.

        Returns:
            what the inferer returns, in float32.
        """
        if self.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        half = self.precision == "bfloat16" or (self.precision == "auto" and computes_bfloat16(inputs.device))
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=half):
            outputs = self.inferer(inputs, network, *args, **kwargs)
        if isinstance(outputs, Mapping):
            return {name: output.float() for name, output in outputs.items()}
        return outputs.float()
