"""Brings the colours of a slide's tissue to a fixed reference."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type
from skimage.color import lab2rgb, rgb2lab

from .tissue import tissue_mask

REFERENCE_MEAN = np.array([65.0, 24.0, -14.0], np.float32)
REFERENCE_STD = np.array([10.0, 5.0, 6.5], np.float32)
"""CIELAB of the reference's tissue: H&E of middle strength, in the midst of several laboratories' images."""

_GLASS = 85.0  # lightness of 100 from which a pixel counts as empty glass
_LEAST_TISSUE = 0.01  # share of an image
_LEAST_CONTRAST = 1.0  # standard deviation of the tissue's lightness: less is a single colour and its noise
_MOST_GAIN = 3.0  # so that noise is not blown up
_MANY = 1 << 17  # pixels from which on a table of all colours pays


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
        if image[0].size < _MANY:
            return cls(pixels, rgb2lab(pixels.astype(np.float32) / np.float32(255)), None)
        codes = image[0].astype(np.intp)
        for plane in image[1:]:
            codes <<= 8
            codes |= plane
        occurs = np.zeros(1 << 24, bool)
        occurs[codes] = True
        found = np.flatnonzero(occurs)
        places = np.empty(len(occurs), np.int32)
        places[found] = np.arange(len(found), dtype=np.int32)
        colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=-1)[None]
        return cls(pixels, rgb2lab(colours.astype(np.float32) / np.float32(255)), np.take(places, codes))

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


@dataclass(frozen=True)
class TissueColours:
    """Colours of the tissue of an image, or of a slide by some windows of it.

    Attributes:
        mean: CIELAB.
        std: the same.
        share: of the pixels, how many are tissue.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    share: float

    @classmethod
    def of_image(cls, image: np.ndarray | Lab, mask: np.ndarray | None = None) -> TissueColours:
        """Measures one image in float32.

        Args:
            image: 3HW RGB, uint8 or in 0..1; or its CIELAB.
            mask: HW, its :func:`tissue_mask` where that is known.
        """
        tissue, pixels = (image if isinstance(image, Lab) else Lab.of(image)).tissue(mask)
        count = tissue.shape[1]
        if not count:
            return cls((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0)
        mean = _sums(tissue) / np.float32(count)
        tissue -= mean[:, None]
        std = np.sqrt(_sums(np.multiply(tissue, tissue, out=tissue)) / np.float32(count))
        middle, spread = (cast("tuple[float, float, float]", tuple(values.tolist())) for values in (mean, std))
        return cls(middle, spread, count / pixels)

    @classmethod
    def of(cls, windows: Iterable[np.ndarray]) -> TissueColours:
        """Measures windows one after another, in float64 (Welford; Chan et al. 1983 for whole windows).

        Args:
            windows: 3HW RGB, uint8 or in 0..1.
        """
        count, total = 0, 0
        mean, squares = np.zeros(3), np.zeros(3)
        for window in windows:
            tissue, pixels = Lab.of(window).tissue()
            total += pixels
            if found := tissue.shape[1]:
                tissue = tissue.astype(np.float64)
                own = _sums(tissue) / found
                step, before = own - mean, count
                count += found
                mean = mean + step * found / count
                squares = squares + _sums((tissue - own[:, None]) ** 2) + step**2 * before * found / count
        std = np.sqrt(squares / max(count, 1))
        middle, spread = (cast("tuple[float, float, float]", tuple(values.tolist())) for values in (mean, std))
        return cls(middle, spread, count / max(total, 1))


def _sums(planes: np.ndarray) -> np.ndarray:
    """C sums of CN, value after value: those that numpy makes along the first axis of NC, in half of the time."""
    return np.array([np.cumsum(plane)[-1] for plane in planes])


def normalise_stains(
    image: np.ndarray, whole: np.ndarray | TissueColours | None = None, mask: np.ndarray | None = None
) -> np.ndarray:
    """Gives the tissue of an H&E image the reference's mean and spread in CIELAB (Reinhard et al. 2001).

    Glass, ink and black take no part in the statistics. Glass is moved with the tissue: it often takes a pink
    tint. An image without tissue, or of a single colour, is returned as it is.

    Reinhard's rather than Macenko's (2009): on slides of three laboratories the latter's two stain vectors often told
    haematoxylin and eosin apart badly, and nuclei came out brown or red; this keeps them the dark, blue part
    everywhere. CIELAB stands for Reinhard's l-alpha-beta, as in most implementations.
    MONAI's ``NormalizeHEStainsd`` (Macenko) takes HWC arrays alone, raises on a blank tile and, as of 1.6.1, mistakes
    eosin for haematoxylin: red nuclei in blue stroma.

    Args:
        image: 3HW RGB, uint8 or in 0..1.
        whole: 3HW RGB, uint8 or in 0..1, that the image is a part of, whose tissue gives the statistics, or these;
            itself by default.
        mask: HW, the image's own :func:`tissue_mask` where that is known.

    Returns:
        3HW RGB: uint8 of uint8, else float32 in 0..1.
    """
    own = Lab.of(image)
    if whole is None:
        seen = TissueColours.of_image(own, mask)
    else:
        seen = whole if isinstance(whole, TissueColours) else TissueColours.of_image(whole)
    mean, std = np.asarray(seen.mean, np.float32), np.asarray(seen.std, np.float32)
    if seen.share < _LEAST_TISSUE or std[0] < _LEAST_CONTRAST:
        return image if image.dtype == np.uint8 else image.astype(np.float32, copy=False)
    gain = REFERENCE_STD / np.maximum(std, REFERENCE_STD / _MOST_GAIN)
    values = np.empty_like(own.values)
    for channel, (middle, factor, wanted) in enumerate(zip(mean, gain, REFERENCE_MEAN, strict=True)):
        values[..., channel] = (own.values[..., channel] - middle) * factor + wanted
    # scikit-image warns of a colour yellower than its lightness allows (200 / 116 = 1.724), and takes the nearest
    values[..., 0] = np.maximum(values[..., 0], 0)
    values[..., 2] = np.minimum(values[..., 2], (values[..., 0] + 16) * 1.72)
    result = np.moveaxis(lab2rgb(values), -1, 0)
    if image.dtype != np.uint8:
        return result
    result = (result * np.float32(255)).round().astype(np.uint8)
    return result if own.places is None else np.take(result[:, 0], own.places, axis=1)


class NormaliseStainsd(MapTransform):
    """``normalise_stains`` of images, for source and target, in training and in use.

    It belongs among the steps of ``preprocessing``, before any crop, so that whole images are normalised. An exported
    bundle carries this module.

    Args:
        keys: keys of 3HW RGB images.
        white: the images' largest value.
        whole_key: an image that those of ``keys`` are a part of, where an item has one: its tissue gives the
            statistics. Or these, as :class:`TissueColours`.
        mask_key: HW, the :func:`tissue_mask` of an item's image as it comes here, where an item has it.
        allow_missing_keys: leave an item without the key as it is.

    Raises:
        ValueError: when ``white`` is not positive.
    """

    def __init__(
        self,
        keys: KeysCollection,
        white: float = 255.0,
        whole_key: str = "whole",
        allow_missing_keys: bool = False,
        mask_key: str = "mask_of_image",
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if white <= 0:
            raise ValueError(f"white must be > 0, got {white}.")
        self.white = white
        self.whole_key = whole_key
        self.mask_key = mask_key

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
            seen = item[self.whole_key]
            if not isinstance(seen, TissueColours):
                seen = self.image(seen)
        for key in self.key_iterator(item):
            image = self.image(item[key])
            result = normalise_stains(image, seen, item.get(self.mask_key))
            if image.dtype != np.uint8:
                result = result * np.float32(self.white)
                whole = not np.issubdtype(convert_data_type(item[key], np.ndarray)[0].dtype, np.floating)
                result = result.round() if whole else result
            item[key] = convert_to_dst_type(result, item[key])[0]
        return item

    def image(self, values: Any) -> np.ndarray:
        """Values of an item, an array or a tensor of 3HW, as ``normalise_stains`` takes them."""
        image = convert_data_type(values, np.ndarray)[0]
        return image if image.dtype == np.uint8 and self.white == 255 else image / np.float32(self.white)
