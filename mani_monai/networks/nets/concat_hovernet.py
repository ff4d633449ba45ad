"""HoVer-Net with one tensor out."""

from __future__ import annotations

from types import FunctionType

import torch
from monai.networks.nets import HoVerNet
from torch import Tensor


class ConcatHoVerNet(HoVerNet):
    """MONAI's HoVerNet with its branches concatenated: nucleus_prediction, horizontal_vertical, type_prediction.

    Constructor and state-dict keys are HoVerNet's. What checks or exports a network by its one tensor out
    (``verify_net_in_out``, TorchScript, ONNX) takes it; HoVerNet's dictionary it refuses.

    HoVerNet refuses images of another size than its mode's. Scripting keeps that check; tracing and the ONNX export
    run it once, on the example, and record a graph for that size.
    """

    # TorchScript follows neither super() nor HoVerNet.forward(self, x), and compiles a method under the name of its
    # function: the parent's forward under a name of its own is what it can call.
    branches = FunctionType(HoVerNet.forward.__code__, HoVerNet.forward.__globals__, "branches")
    branches.__annotations__ = HoVerNet.forward.__annotations__

    def forward(self, x: Tensor) -> Tensor:
        """
        Args:
            x: BCHW images, 256x256 where the mode is "fast", 270x270 where it is "original".

        Returns:
            B(2+2[+types])hw: logits of background and nuclei, horizontal and vertical offset, logits of the types;
            164x164 or 80x80.
        """
        return torch.cat(list(self.branches(x).values()), dim=1)
