"""Brings the colours of a slide's tissue to a fixed reference."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type
from skimage.color import lab2rgb, rgb2lab

REFERENCE_MEAN = np.array([65.0, 24.0, -14.0], np.float32)
REFERENCE_STD = np.array([10.0, 5.0, 6.5], np.float32)
"""CIELAB of the reference's tissue: H&E of middle strength, in the midst of several laboratories' images."""

_GLASS = 85.0  # lightness of 100 from which a pixel counts as empty glass
_LEAST_TISSUE = 0.01  # share of an image
_LEAST_CONTRAST = 1.0  # standard deviation of the tissue's lightness: less is a single colour and its noise
_MOST_GAIN = 3.0  # so that noise is not blown up


def normalise_stains(image: np.ndarray, whole: np.ndarray | None = None) -> np.ndarray:
    """Gives the tissue of an H&E image the reference's mean and spread in CIELAB (Reinhard et al. 2001).

    Glass takes no part in the statistics, but is moved with the tissue: it often takes a pink tint. An image
    without tissue, or of a single colour, is returned as it is.

    Reinhard's rather than Macenko's (2009): on slides of three laboratories the latter's two stain vectors often told
    haematoxylin and eosin apart badly, and nuclei came out brown or red; this keeps them the dark, blue part
    everywhere. CIELAB stands for Reinhard's l-alpha-beta, as in most implementations.
    MONAI's ``NormalizeHEStainsd`` (Macenko) takes HWC arrays alone, raises on a blank tile and, as of 1.6.1, mistakes
    eosin for haematoxylin: red nuclei in blue stroma.

    Args:
        image: 3HW RGB in 0..1.
        whole: 3HW RGB in 0..1 that the image is a part of, whose tissue gives the statistics; itself by default.

    Returns:
        3HW float32 RGB in 0..1.
    """
    image = image.astype(np.float32, copy=False)
    colours = rgb2lab(np.moveaxis(image, 0, -1))
    seen = colours if whole is None else rgb2lab(np.moveaxis(whole.astype(np.float32, copy=False), 0, -1))
    tissue = seen[seen[..., 0] < _GLASS]
    if len(tissue) < _LEAST_TISSUE * seen[..., 0].size or tissue[:, 0].std() < _LEAST_CONTRAST:
        return image
    gain = REFERENCE_STD / np.maximum(tissue.std(axis=0), REFERENCE_STD / _MOST_GAIN)
    colours = (colours - tissue.mean(axis=0)) * gain + REFERENCE_MEAN
    # scikit-image warns of a colour yellower than its lightness allows (200 / 116 = 1.724), and takes the nearest
    colours[..., 0] = np.maximum(colours[..., 0], 0)
    colours[..., 2] = np.minimum(colours[..., 2], (colours[..., 0] + 16) * 1.72)
    return np.moveaxis(lab2rgb(colours), -1, 0)


class NormaliseStainsd(MapTransform):
    """``normalise_stains`` of images, for source and target, in training and in use.

    It belongs among the steps of ``preprocessing``, before any crop, so that whole images are normalised. An exported
    bundle carries this module.

    Args:
        keys: keys of 3HW RGB images.
        white: the images' largest value.
        whole_key: an image that those of ``keys`` are a part of, where an item has one: its tissue gives the
            statistics.
        allow_missing_keys: leave an item without the key as it is.

    Raises:
        ValueError: when ``white`` is not positive.
    """

    def __init__(
        self, keys: KeysCollection, white: float = 255.0, whole_key: str = "whole", allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if white <= 0:
            raise ValueError(f"white must be > 0, got {white}.")
        self.white = white
        self.whole_key = whole_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with its images normalised, of the type that they had.
        """
        item = dict(data)
        seen = None
        if self.whole_key in item:
            seen = convert_data_type(item[self.whole_key], np.ndarray)[0] / np.float32(self.white)
        for key in self.key_iterator(item):
            values = convert_data_type(item[key], np.ndarray)[0]
            image = normalise_stains(values / np.float32(self.white), seen) * np.float32(self.white)
            whole = not np.issubdtype(values.dtype, np.floating)
            item[key] = convert_to_dst_type(image.round() if whole else image, item[key])[0]
        return item
