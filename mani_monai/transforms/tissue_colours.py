"""Mean and spread of a tissue's colours in CIELAB, and images moved to others (Reinhard et al. 2001)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from skimage.color import lab2rgb, rgb2lab

_GLASS = 85.0  # lightness of 100 from which a pixel counts as empty glass
_LEAST_TISSUE = 0.01  # share of an image
_LEAST_CONTRAST = 1.0  # standard deviation of the tissue's lightness: less is a single colour and its noise
_MOST_GAIN = 3.0  # so that noise is not blown up


class TissueColours(NamedTuple):
    """Mean and standard deviation of L, a and b over an image's tissue: three values each."""

    mean: np.ndarray
    std: np.ndarray


def to_lab(image: np.ndarray) -> np.ndarray:
    """
    Args:
        image: 3HW float32 RGB in 0..1.

    Returns:
        HW3 CIELAB.
    """
    return rgb2lab(np.moveaxis(image, 0, -1))


def tissue_colours(lab: np.ndarray) -> TissueColours | None:
    """The colours of an image's tissue; glass takes no part.

    Args:
        lab: HW3 CIELAB.

    Returns:
        None where there is no tissue, or nothing but one colour and its noise.
    """
    tissue = lab[lab[..., 0] < _GLASS]
    if len(tissue) < _LEAST_TISSUE * lab[..., 0].size or tissue[:, 0].std() < _LEAST_CONTRAST:
        return None
    return TissueColours(tissue.mean(axis=0), tissue.std(axis=0))


def with_colours(lab: np.ndarray, now: TissueColours, wanted: TissueColours) -> np.ndarray:
    """An image whose tissue has other colours; glass is moved with the tissue, as it often takes a tint.

    Args:
        lab: HW3 CIELAB.
        now: the colours of its tissue.
        wanted: those that it is to have; no spread grows to more than three times what it was.

    Returns:
        3HW RGB in 0..1.
    """
    lab = (lab - now.mean) * (wanted.std / np.maximum(now.std, wanted.std / _MOST_GAIN)) + wanted.mean
    # scikit-image warns of a colour yellower than its lightness allows (200 / 116 = 1.724), and takes the nearest
    lab[..., 0] = np.maximum(lab[..., 0], 0)
    lab[..., 2] = np.minimum(lab[..., 2], (lab[..., 0] + 16) * 1.72)
    return np.moveaxis(lab2rgb(lab), -1, 0)
