"""Brings the colours of a slide's tissue to a fixed reference."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type

from .tissue_colours import TissueColours, tissue_colours, to_lab, with_colours

REFERENCE = TissueColours(np.array([65.0, 24.0, -14.0], np.float32), np.array([10.0, 5.0, 6.5], np.float32))
"""H&E of middle strength, in the midst of several laboratories' images."""


def normalise_stains(image: np.ndarray) -> np.ndarray:
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

    Returns:
        3HW float32 RGB in 0..1.
    """
    image = image.astype(np.float32, copy=False)
    lab = to_lab(image)
    colours = tissue_colours(lab)
    return image if colours is None else with_colours(lab, colours, REFERENCE)


class NormaliseStainsd(MapTransform):
    """``normalise_stains`` of images, for source and target, in training and in use.

    It belongs before cropping, so that whole images are normalised; a network trained with it needs it at inference
    too, hence this package (``stain_normalisation_inference.json``): stock MONAI alone does not do.

    Args:
        keys: keys of 3HW RGB images.
        white: the images' largest value: 255, or 1 behind a ``ScaleIntensityRanged``.
        allow_missing_keys: leave an item without the key as it is.

    Raises:
        ValueError: when ``white`` is not positive.
    """

    def __init__(self, keys: KeysCollection, white: float = 255.0, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        if white <= 0:
            raise ValueError(f"white must be > 0, got {white}.")
        self.white = white

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with its images normalised, of the type that they had.
        """
        item = dict(data)
        for key in self.key_iterator(item):
            values = convert_data_type(item[key], np.ndarray)[0]
            image = normalise_stains(values / np.float32(self.white)) * np.float32(self.white)
            whole = not np.issubdtype(values.dtype, np.floating)
            item[key] = convert_to_dst_type(image.round() if whole else image, item[key])[0]
        return item
