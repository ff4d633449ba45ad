"""Stains of images apart and together again, step by step: the reference of what changes them in one product."""

from __future__ import annotations

import numpy as np
import torch
from skimage.color import hed_from_rgb, rgb_from_hed
from torch import Tensor

DARKEST = 1 / 255


def separate_stains(images: Tensor) -> Tensor:
    """Natural optical densities of haematoxylin, eosin and DAB in ...3HW RGB of 0..1; negative ones are kept."""
    return mixed(-images.clamp(min=DARKEST).log(), hed_from_rgb)


def combine_stains(stains: Tensor) -> Tensor:
    """RGB images, clipped to 0..1, of ``separate_stains``'s densities; ...3HW."""
    return mixed(-stains, rgb_from_hed).exp().clamp(max=1)


def mixed(channels: Tensor, matrix: np.ndarray) -> Tensor:
    """...3HW channels as row vectors times a 3x3 matrix."""
    return torch.einsum("...khw,ks->...shw", channels, torch.as_tensor(matrix).to(channels))
