"""Where nuclei are by their stain alone: the baseline that learns nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from skimage.color import rgb2hed
from skimage.filters import threshold_otsu

BLUR = 1.5
"""Sigma in pixels at 40x of the Gaussian that smooths the stain."""


def haematoxylin_probability(image: ArrayLike, blur: float = BLUR) -> NDArray[np.float32]:
    """How sure the haematoxylin is that a pixel is nucleus.

    The stain comes from colour deconvolution with fixed vectors (Ruifrok and Johnston 2001), is blurred, and Otsu's
    threshold of the image parts it in two. This is what QuPath's users have at home.
    :func:`mani_monai.transforms.part_nuclei` makes nuclei of it.

    The threshold is the whole image's. So, other than a network's, this probability differs from window to window.

    Args:
        image: HW3 uint8 RGB.
        blur: sigma of the Gaussian in pixels.

    Returns:
        HW in 0..1: above 0.5 where the stain exceeds the threshold, 0.73 one standard deviation above it.

    Raises:
        ValueError: when the image is not HW3 uint8.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be HW3 uint8, got {image.dtype} of shape {image.shape}.")
    stain = ndimage.gaussian_filter(rgb2hed(image)[..., 0], blur)
    excess = stain - threshold_otsu(stain)
    spread = stain.std()
    if spread < np.finfo(np.float32).eps:  # a single colour
        return np.zeros(stain.shape, np.float32)
    return (1 / (1 + np.exp(-excess / spread))).astype(np.float32)
