"""The convolutions of a U-Net at inference, into which its batch normalisation is folded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from monai.networks.nets import BasicUNet
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

_LAST = torch.channels_last


@dataclass(frozen=True)
class Convolution:
    """A convolution of stride 1 that keeps the size, and the rectified unit after it.

    Attributes:
        weight: OIHW.
        bias: O; None for none.
        slope: of negative values; None where nothing is rectified.
    """

    weight: Tensor
    bias: Tensor | None
    slope: float | None

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, slope: float | None = None) -> Convolution:
        """One whose parameters are copied."""
        laid = weight.detach().to(dtype).contiguous(memory_format=_LAST)
        return cls(laid, None if bias is None else bias.detach().to(dtype), slope)

    def __call__(self, maps: Tensor) -> Tensor:
        """BCHW, channels last."""
        maps = _convolved(maps, self.weight, self.bias, [self.weight.shape[-1] // 2] * 2)
        if self.slope is None:
            return maps
        return maps.relu_() if self.slope == 0 else functional.leaky_relu_(maps, self.slope)


@dataclass(frozen=True)
class FoldedUNet:
    """MONAI's BasicUNet in evaluation.

    Attributes:
        dtype: what is computed in.
        encoders: two convolutions of 3 x 3 a level, the finest level first.
        decoders: likewise, but for the coarsest level.
        rising: weight and bias of the transposed convolution of 2 x 2 into each decoder.
        last: the convolution of 1 x 1 to the logits.
    """

    dtype: torch.dtype
    encoders: tuple[Callable[[Tensor], Tensor], ...]
    decoders: tuple[Callable[[Tensor], Tensor], ...]
    rising: tuple[tuple[Tensor, Tensor], ...]
    last: Convolution

    @classmethod
    def of(cls, network: Callable[..., object], dtype: torch.dtype = torch.float32) -> FoldedUNet | None:
        """Folds a network as its weights are now (Jacob et al. 2018, section 3.2).

        Args:
            network: anything.
            dtype: what is computed in.

        Returns:
            None where it is no BasicUNet in evaluation, or one with other parts than are known here.
        """
        if type(network) is not BasicUNet or network.training:
            return None
        downs = (network.down_1, network.down_2, network.down_3, network.down_4)
        ups = (network.upcat_1, network.upcat_2, network.upcat_3, network.upcat_4)
        deconvs: list[Any] = [getattr(up.upsample, "deconv", None) for up in ups]
        pairs: list[Any] = [network.conv_0, *(down.convs for down in downs), *(up.convs for up in ups)]
        if not all(isinstance(each, nn.ConvTranspose2d) for each in deconvs):
            return None
        if not all(_is_known(unit) for pair in pairs for unit in pair):
            return None
        folded = tuple(_chain(_folded(unit, dtype) for unit in pair) for pair in pairs)
        rising = tuple((each.weight.detach().to(dtype), each.bias.detach().to(dtype)) for each in deconvs)
        last = Convolution.of(network.final_conv.weight, network.final_conv.bias, dtype)
        return cls(dtype, folded[: len(downs) + 1], folded[len(downs) + 1 :], rising, last)


def _is_known(unit: Any) -> bool:
    """Whether a convolution is one with batch normalisation and a rectified unit, in this order."""
    parts = [type(part) for part in unit.adn if not isinstance(part, nn.Dropout)]
    return (
        type(unit.conv) is nn.Conv2d
        and parts in ([nn.BatchNorm2d, nn.ReLU], [nn.BatchNorm2d, nn.LeakyReLU])
        and unit.adn.N.running_mean is not None
    )


def _folded(unit: Any, dtype: torch.dtype) -> Convolution:
    conv, norm = unit.conv, unit.adn.N
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return Convolution.of(weight, bias, dtype, getattr(unit.adn.A, "negative_slope", 0.0))


def _chain(steps: Iterable[Convolution]) -> Callable[[Tensor], Tensor]:
    steps = tuple(steps)
    return lambda maps: reduce(lambda given, step: step(given), steps, maps)


def _convolved(maps: Tensor, weight: Tensor, bias: Tensor | None, padding: list[int]) -> Tensor:
    """By oneDNN where torch has it: torch takes other code for small maps, which adds in another order."""
    if maps.dtype == torch.float32 and torch.backends.mkldnn.is_available():
        maps = maps.contiguous(memory_format=_LAST)
        return torch.mkldnn_convolution(maps, weight, bias, padding, (1, 1), (1, 1), 1)
    return functional.conv2d(maps, weight, bias, padding=padding)
