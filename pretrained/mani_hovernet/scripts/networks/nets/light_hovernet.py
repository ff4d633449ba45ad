"""HoVer-Net's answers from a small U-Net, for a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.blocks import Convolution
from monai.networks.nets import BasicUNet
from monai.utils.enums import HoVerNetBranch
from torch import Tensor, nn


class Branch(nn.Sequential):
    """One answer: a 3x3 convolution with normalisation, then the head ``conv``, a 1x1 convolution.

    Args:
        channels: of the input, and between the two.
        out_channels: of the answer.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.add_module("block", Convolution(2, channels, channels, kernel_size=3, act="RELU", norm="BATCH"))
        self.add_module("conv", nn.Conv2d(channels, out_channels, 1))


class LightHoVerNet(nn.Module):
    """A BasicUNet whose last features feed HoVer-Net's branches; it answers for the centre of its window.

    Names of the answers, their meaning and what follows them are HoVer-Net's (Graham et al. 2019). Different from the
    paper: one decoder for all branches, plain convolutions without dense units, and no encoder of ImageNet. By default
    it has 2 million parameters.

    Args:
        features: six widths of ``BasicUNet``; the last one is that of the features that enter the branches.
        output: edge in pixels of the answer, the centre of the window.
        out_classes: types of nuclei, background included; 0 for none.
        in_channels: of the images.

    Raises:
        ValueError: when ``output`` < 1 or ``out_classes`` is 1 or below 0.
    """

    def __init__(
        self,
        features: Sequence[int] = (32, 32, 64, 128, 256, 32),
        output: int = 164,
        out_classes: int = 0,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        if output < 1:
            raise ValueError(f"output must be >= 1, got {output}.")
        if out_classes < 0 or out_classes == 1:
            raise ValueError(f"out_classes must be 0 or >= 2, got {out_classes}.")
        self.output = output
        self.trunk = BasicUNet(2, in_channels, 1, tuple(features), act="RELU", norm="BATCH")
        self.trunk.final_conv = nn.Identity()
        self.nucleus_prediction = Branch(features[-1], 2)
        self.horizontal_vertical = Branch(features[-1], 2)
        self.type_prediction = Branch(features[-1], out_classes) if out_classes else None

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """
        Args:
            x: BCHW images, at least ``output`` high and wide, by an even number of pixels more.

        Returns:
            "nucleus_prediction", B2hw logits of background and nuclei; "horizontal_vertical", B2hw offsets;
            "type_prediction", BChw logits, where there are types; h = w = ``output``.

        Raises:
            ValueError: when an image is smaller than the answer, or larger by an odd number of pixels.
        """
        top, left = _margin(x.shape[2], self.output), _margin(x.shape[3], self.output)
        features = self.trunk(x)[:, :, top : top + self.output, left : left + self.output]
        answers = {
            HoVerNetBranch.NP.value: self.nucleus_prediction(features),
            HoVerNetBranch.HV.value: self.horizontal_vertical(features),
        }
        if self.type_prediction is not None:
            answers[HoVerNetBranch.NC.value] = self.type_prediction(features)
        return answers


class ConcatLightHoVerNet(LightHoVerNet):
    """``LightHoVerNet`` with its answers concatenated: one tensor out, as exports need it."""

    def forward(self, x: Tensor) -> Tensor:
        """
        Args:
            x: as of ``LightHoVerNet``.

        Returns:
            B(2+2[+types])hw: logits of background and nuclei, horizontal and vertical offset, logits of the types.

        Raises:
            ValueError: as of ``LightHoVerNet``.
        """
        top, left = _margin(x.shape[2], self.output), _margin(x.shape[3], self.output)
        features = self.trunk(x)[:, :, top : top + self.output, left : left + self.output]
        answers = [self.nucleus_prediction(features), self.horizontal_vertical(features)]
        if self.type_prediction is not None:
            answers.append(self.type_prediction(features))
        return torch.cat(answers, dim=1)


def _margin(edge: int, output: int) -> int:
    """Pixels of a window on either side of its answer; TorchScript compiles it."""
    rest = edge - output
    if rest < 0 or rest % 2 == 1:
        raise ValueError(f"images must be {output} pixels high and wide, or an even number more, got {edge}.")
    return rest // 2
