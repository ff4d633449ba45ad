"""Random changes of an image's colours: of its stains, and of brightness, contrast, saturation and hue."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import convert_data_type, convert_to_dst_type
from skimage.color import hed_from_rgb, rgb_from_hed
from torch import Tensor


class RandColoursd(RandomizableTransform, MapTransform):
    """Changes the colours of an item's images at random, all by the same draw; a subclass says what and how much.

    A subclass draws in ``randomize``, which sets ``_do_transform`` too, and applies its draw in ``recolour``.

    Args:
        keys: keys of 3HW RGB images in 0..255, uint8 or floating point; all get the same change.
        prob: probability that anything is changed.
        allow_missing_keys: leave an item without the key as it is.
    """

    def __init__(self, keys: KeysCollection, prob: float = 1.0, allow_missing_keys: bool = False) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)

    @abstractmethod
    def recolour(self, image: Tensor) -> Tensor:
        """Applies what was drawn.

        Args:
            image: 3HW float32 RGB in 0..255, left as it is.

        Returns:
            a new 3HW image in 0..255.
        """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with its images changed, of the type that they had; rounded where those are whole numbers.
        """
        item = dict(data)
        self.randomize(None)
        if self._do_transform:
            for key in self.key_iterator(item):
                values = item[key]
                image = self.recolour(convert_data_type(values, Tensor, dtype=torch.float32)[0])
                whole = not convert_data_type(values, Tensor)[0].is_floating_point()
                item[key] = convert_to_dst_type(image.round_() if whole else image, values)[0]
        return item


DARKEST = 1 / 255
"""Values of RGB below this count as this: a black pixel's optical density would be infinite."""


def jitter_stains(images: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Scales each stain's optical density and adds to it (Tellez et al. 2018), in one product of matrices.

    Stains are separated as by Ruifrok & Johnston (2001), with scikit-image's vectors but natural logarithms; negative
    densities, of colours that the three stains cannot make, are kept.

    Args:
        images: ...3HW RGB in 0..1.
        scale: ...3 factors of haematoxylin, eosin and DAB.
        shift: ...3 addends, in optical density (natural logarithm).

    Returns:
        ...3HW RGB, clipped to 0..1.
    """
    separate, combine = (torch.as_tensor(matrix).to(images) for matrix in (hed_from_rgb, rgb_from_hed))
    scale, shift = scale.to(images), shift.to(images)
    mixed = (separate * scale.unsqueeze(-2)) @ combine
    density = -images.clamp(min=DARKEST).log().flatten(-2)
    density = mixed.transpose(-1, -2) @ density + (shift.unsqueeze(-2) @ combine).transpose(-1, -2)
    return density.neg_().exp_().clamp_(max=1).view_as(images)


def check_strength(scale: float, shift: float) -> None:
    """Checks the largest change of a stain's factor and density.

    Raises:
        ValueError: when ``scale`` is not in 0..1 or ``shift`` is negative.
    """
    if not 0 <= scale <= 1:
        raise ValueError(f"scale must be in 0..1, got {scale}.")
    if shift < 0:
        raise ValueError(f"shift must be >= 0, got {shift}.")


class RandStainJitterd(RandColoursd):
    """Changes the densities of haematoxylin, eosin and DAB at random, independently (Tellez et al. 2018).

    Args:
        keys: keys of 3HW RGB images in 0..255, uint8 or floating point; all get the same change.
        prob: probability that anything is changed.
        scale: largest change of the factor 1 of each stain, to either side.
        shift: largest addend to each stain's optical density, to either side.
        allow_missing_keys: leave an item without the key as it is.

    Raises:
        ValueError: when ``scale`` is not in 0..1 or ``shift`` is negative.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 1.0,
        scale: float = 0.4,
        shift: float = 0.1,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        check_strength(scale, shift)
        self.scale = scale
        self.shift = shift
        self.change = np.stack([np.ones(3), np.zeros(3)])

    def randomize(self, data: Any = None) -> None:
        """Draws whether to change anything, three factors and three addends."""
        super().randomize(None)
        if self._do_transform:
            scales = self.R.uniform(1 - self.scale, 1 + self.scale, 3)
            self.change = np.stack([scales, self.R.uniform(-self.shift, self.shift, 3)])

    def recolour(self, image: Tensor) -> Tensor:
        """Jitters the stains of 3HW RGB in 0..255 by what was drawn."""
        return jitter_stains(image / 255, *torch.from_numpy(self.change)) * 255


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
