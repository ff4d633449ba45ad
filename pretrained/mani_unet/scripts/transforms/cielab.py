"""Colours of images in CIELAB, each reckoned once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.color import rgb2lab

from .tissue import tissue_mask

MANY = 1 << 17
"""Pixels from which on a table of all colours pays."""
_GLASS = 85.0  # lightness of 100 from which a pixel counts as empty glass


@dataclass(frozen=True, eq=False)
class Lab:
    """An image in CIELAB; of a large one in uint8 each colour that occurs is reckoned once.

    Attributes:
        picture: HW3 uint8 RGB.
        values: CIELAB in float32, HW3 of the pixels, or 1N3 of the colours that occur.
        places: HW, which of these a pixel has; None where values are of the pixels.
    """

    picture: np.ndarray
    values: np.ndarray
    places: np.ndarray | None

    @classmethod
    def of(cls, image: np.ndarray) -> Lab:
        """Takes 3HW RGB, uint8 or in 0..1; anything else is a ``ValueError``."""
        if image.ndim != 3 or len(image) != 3:
            raise ValueError(f"image must be 3HW, got {image.shape}.")
        pixels = np.moveaxis(image, 0, -1)
        if image.dtype != np.uint8:
            pixels = pixels.astype(np.float32, copy=False)
            return cls((pixels * 255).round().clip(0, 255).astype(np.uint8), rgb2lab(pixels), None)
        if image[0].size < MANY:
            return cls(pixels, rgb2lab(pixels.astype(np.float32) / np.float32(255)), None)
        codes = codes_of(image)
        occurs = np.zeros(1 << 24, bool)
        occurs[codes] = True
        found = np.flatnonzero(occurs)
        places = np.empty(1 << 24, np.int32)
        places[found] = np.arange(len(found), dtype=np.int32)
        return cls(pixels, lab_of(found), np.take(places, codes))

    def tissue(self, mask: np.ndarray | None = None) -> tuple[np.ndarray, int]:
        """Colours of the pixels of tissue, 3N, and how many pixels there are in all.

        Args:
            mask: HW, the picture's :func:`tissue_mask` where that is known.
        """
        mask, dark = tissue_mask(self.picture) if mask is None else mask, self.values[..., 0] < _GLASS
        values = self.values.reshape(-1, 3).T
        if self.places is None:
            chosen = np.flatnonzero(mask & dark)
        else:
            chosen = self.places[mask & np.take(dark[0], self.places)]
        return np.stack([np.take(plane, chosen) for plane in values]), mask.size


def codes_of(image: np.ndarray) -> np.ndarray:
    """HW of 24 bits from 3HW uint8 RGB."""
    codes = image[0].astype(np.intp)
    for plane in image[1:]:
        codes <<= 8
        codes |= plane
    return codes


def lab_of(codes: np.ndarray) -> np.ndarray:
    """CIELAB, 1N3, of N colours of 24 bits."""
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1)[None]
    return rgb2lab(colours.astype(np.float32) / np.float32(255))
