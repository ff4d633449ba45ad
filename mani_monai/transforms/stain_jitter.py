"""Random change of how strongly each stain colours a slide."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from skimage.color import hed_from_rgb, rgb_from_hed
from torch import Tensor

from .random_colours import RandColoursd

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
