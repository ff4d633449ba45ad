"""HoVer-Net's random change of colours."""

from __future__ import annotations

import math
from typing import Any

import torch
from monai.config import KeysCollection
from torch import Tensor

from .random_colours import RandColoursd

_LUMA = (0.299, 0.587, 0.114)


def shift_hue(image: Tensor, degrees: float) -> Tensor:
    """Turns colours about the grey axis of the RGB cube.

    The circle of HSV hues is a hexagon's: within 2.5 degrees of it, one product of matrices does what two
    conversions of colour space and a branch a pixel do. The mean of the three channels is kept, not their maximum.

    Args:
        image: 3HW RGB.
        degrees: the angle; 120 turns red into green.

    Returns:
        3HW, not clipped.
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    even, odd = (1 - cosine) / 3, sine / math.sqrt(3)
    same, next_, last = cosine + even, even + odd, even - odd
    matrix = image.new_tensor([[same, last, next_], [next_, same, last], [last, next_, same]])
    return (matrix @ image.flatten(1)).view_as(image)


def scale_saturation(image: Tensor, factor: float) -> Tensor:
    """Moves every colour away from the grey of the same luma (Rec. 601): 0 is grey, 1 the image; 3HW, not clipped."""
    grey = (image.new_tensor(_LUMA) @ image.flatten(1)).view(1, *image.shape[1:])
    return torch.lerp(grey, image, factor)


def scale_contrast(image: Tensor, factor: float) -> Tensor:
    """Moves every value away from the mean of its channel: 0 is the mean, 1 the image; CHW, not clipped."""
    return torch.lerp(image.mean(dim=(1, 2), keepdim=True), image, factor)


class RandColourJitterd(RandColoursd):
    """Hue, saturation, brightness and contrast, each changed at random, in random order, clipped to 0..255 after each.

    HoVer-Net's, with two differences: contrast is really changed (there the untouched image is clipped in place of
    the result), and nothing is rounded to whole numbers between the four.

    Args:
        keys: keys of 3HW RGB images in 0..255, uint8 or floating point; all get the same change.
        prob: probability that anything is changed.
        hue: largest shift in degrees, to either side. HoVer-Net says 8 in OpenCV's half degrees, hence 16.
        saturation: largest change of the factor 1, to either side.
        brightness: largest addend, to either side.
        contrast: smallest and largest factor.
        allow_missing_keys: leave an item without the key as it is.

    Raises:
        ValueError: when ``hue``, ``saturation`` or ``brightness`` is below 0, or ``contrast`` is no range of
            factors >= 0.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 1.0,
        hue: float = 16.0,
        saturation: float = 0.2,
        brightness: float = 26.0,
        contrast: tuple[float, float] = (0.75, 1.25),
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        for name, value in {"hue": hue, "saturation": saturation, "brightness": brightness}.items():
            if value < 0:
                raise ValueError(f"{name} must be >= 0, got {value}.")
        if len(contrast) != 2 or not 0 <= contrast[0] <= contrast[1]:
            raise ValueError(f"contrast must be (smallest, largest) factor >= 0, got {contrast}.")
        self.ranges = {
            "hue": (-hue, hue),
            "saturation": (1 - saturation, 1 + saturation),
            "brightness": (-brightness, brightness),
            "contrast": tuple(contrast),
        }
        self.changes: dict[str, float] = {}

    def randomize(self, data: Any = None) -> None:
        """Draws whether to change anything, the order and the four values."""
        super().randomize(None)
        if self._do_transform:
            order = self.R.permutation(list(self.ranges))
            self.changes = {str(name): float(self.R.uniform(*self.ranges[name])) for name in order}

    def recolour(self, image: Tensor) -> Tensor:
        """Applies the four changes to 3HW RGB in 0..255 in the order drawn, clipped after each."""
        for name, value in self.changes.items():
            image = _CHANGES[name](image, value).clamp_(0, 255)
        return image


_CHANGES = {
    "hue": shift_hue,
    "saturation": scale_saturation,
    "brightness": torch.add,
    "contrast": scale_contrast,
}
