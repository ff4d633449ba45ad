"""Source images in the target's style: amplitudes of low spatial frequencies are exchanged."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from torch import Tensor
from torch.nn.functional import interpolate


def swap_low_frequencies(image: Tensor, style: Tensor, beta: float) -> Tensor:
    """An image with the low-frequency amplitudes of another and its own phases (FDA, Yang & Soatto 2020, equation 3).

    The frequencies lie in a centred square of half-width b = floor(beta min(H, W)): up to b cycles per image along
    either axis, the mean included.

    Args:
        image: CHW in 0..1.
        style: Chw in 0..1, resized to HW where it differs.
        beta: in 0..0.5; 0 takes each channel's mean alone, 0.5 all amplitudes of a square image.

    Returns:
        CHW, clipped to 0..1.
    """
    size = image.shape[-2:]
    if style.shape[-2:] != size:
        style = interpolate(style[None], size, mode="bilinear", antialias=True)[0]
    half = int(beta * min(size))
    rows = torch.arange(-half, half + 1, device=image.device)  # negative frequencies stand at the end
    spectrum, other = torch.fft.rfft2(image), torch.fft.rfft2(style)
    low = spectrum[:, rows, : half + 1]
    spectrum[:, rows, : half + 1] = torch.polar(other[:, rows, : half + 1].abs(), low.angle())
    return torch.fft.irfft2(spectrum, size).clamp(0, 1)


class FourierStyled(RandomizableTransform, MapTransform):
    """Shows the source image in the style of the target image beside it (FDA), and leaves its label as it is.

    Style transfer alone: FDA's entropy term on target predictions (with a Charbonnier penalty), its averaging of
    three networks (beta 0.01, 0.05, 0.09) and its self-training are left out. The segmentation loss trains on what
    comes out, from the first iteration on: a warm-up of adaptation losses does not hold it back.

    On nuclei, a beta beyond 0.01 also moves the amplitudes of structures of a nucleus's size: faint shapes that are
    in neither image appear.

    Args:
        keys: keys of CHW images in 0..1 to show in another style.
        style_key: key of the image that gives the style, CHW in 0..1.
        beta: share of the image's smaller side up to which frequencies are exchanged, in 0..0.5, or the smallest and
            largest share to draw from.
        prob: probability that anything is changed.
        allow_missing_keys: leave an item without the key as it is.

    Raises:
        ValueError: when ``beta`` is not in 0..0.5 or its range is upside down.
    """

    def __init__(
        self,
        keys: KeysCollection,
        style_key: str = "target_image",
        beta: float | tuple[float, float] = 0.01,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        low, high = (beta, beta) if isinstance(beta, (int, float)) else beta
        if not 0 <= low <= high <= 0.5:
            raise ValueError(f"beta must be in 0..0.5, or such a range, got {beta}.")
        self.style_key = style_key
        self.range = (low, high)
        self.beta = low

    def randomize(self, data: Any = None) -> None:
        """Draws whether to change anything, and beta."""
        super().randomize(None)
        if self._do_transform:
            self.beta = self.R.uniform(*self.range)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item with the images and the one that gives the style.

        Returns:
            the item with its images in that style.
        """
        item = dict(data)
        self.randomize()
        if self._do_transform:
            for key in self.key_iterator(item):
                item[key] = swap_low_frequencies(item[key], item[self.style_key], self.beta)
        return item
