"""Brings the colours of a slide's tissue to a fixed reference."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type
from skimage.color import lab2rgb

from .cielab import MANY, Lab, codes_of, lab_of

REFERENCE_MEAN = np.array([65.0, 24.0, -14.0], np.float32)
REFERENCE_STD = np.array([10.0, 5.0, 6.5], np.float32)
"""CIELAB of the reference's tissue: H&E of middle strength, in the midst of several laboratories' images."""

_LEAST_TISSUE = 0.01  # share of an image
_LEAST_CONTRAST = 1.0  # standard deviation of the tissue's lightness: less is a single colour and its noise
_MOST_GAIN = 3.0  # so that noise is not blown up
_TOGETHER = 1 << 17  # pixels that are looked up together, so that they stay in the processor's cache
_KNOWN = 1 << 24  # of an entry in a table of colours: it was reckoned


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

    @property
    def moves(self) -> bool:
        """Whether there is enough tissue of more than one colour, so that images by these statistics change."""
        return self.share >= _LEAST_TISSUE and self.std[0] >= _LEAST_CONTRAST

    @cached_property
    def table(self) -> np.ndarray:
        """By a colour's 24 bits the red, green and blue that it becomes, and a 1; 0 where nobody asked yet."""
        return np.zeros(1 << 24, "<u4")

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or another process gets: the statistics, but not the 67 MB of the table."""
        return {"mean": self.mean, "std": self.std, "share": self.share}

    def moved(self, values: np.ndarray) -> np.ndarray:
        """Colours with the reference's mean and spread in place of these.

        Args:
            values: CIELAB in float32, ...3.

        Returns:
            RGB in 0..1, float32, of the same shape.
        """
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        gain = REFERENCE_STD / np.maximum(std, REFERENCE_STD / _MOST_GAIN)
        moved = np.empty_like(values)
        for channel, (middle, factor, wanted) in enumerate(zip(mean, gain, REFERENCE_MEAN, strict=True)):
            moved[..., channel] = (values[..., channel] - middle) * factor + wanted
        # scikit-image warns of a colour yellower than its lightness allows (200 / 116 = 1.724), and takes the nearest
        moved[..., 0] = np.maximum(moved[..., 0], 0)
        moved[..., 2] = np.minimum(moved[..., 2], (moved[..., 0] + 16) * 1.72)
        return lab2rgb(moved)

    def looked_up(self, image: np.ndarray) -> np.ndarray:
        """A large image by these statistics, 3HW uint8 RGB; a colour is reckoned when it comes for the first time."""
        table, step = self.table, max(_TOGETHER // image.shape[2], 1)
        result, fresh = np.empty((*image.shape[1:], 3), np.uint8), np.zeros(1 << 24, bool)
        waiting = [slice(top, top + step) for top in range(0, image.shape[1], step)]
        while waiting:
            bands, waiting = waiting, []
            for rows in bands:
                entries = table[codes := codes_of(image[:, rows])]
                if (unknown := entries < _KNOWN).any():
                    fresh[codes[unknown]] = True
                    waiting.append(rows)
                    continue
                colours = entries.view(np.uint8).reshape(*entries.shape, 4)
                for channel in range(3):
                    result[rows, :, channel] = colours[..., channel]
            if waiting:
                found = np.flatnonzero(fresh)
                found = np.resize(found, max(len(found), 2))  # of a single colour a product has other last bits
                red, green, blue = _bytes(self.moved(lab_of(found)))[0].astype(table.dtype).T
                table[found] = _KNOWN | blue << 16 | green << 8 | red
        return np.moveaxis(result, -1, 0)

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
    if isinstance(whole, TissueColours) and image.dtype == np.uint8 and image[0].size >= MANY and len(image) == 3:
        return whole.looked_up(image) if whole.moves else image
    own = Lab.of(image)
    if whole is None:
        seen = TissueColours.of_image(own, mask)
    else:
        seen = whole if isinstance(whole, TissueColours) else TissueColours.of_image(whole)
    if not seen.moves:
        return image if image.dtype == np.uint8 else image.astype(np.float32, copy=False)
    result = np.moveaxis(seen.moved(own.values), -1, 0)
    if image.dtype == np.uint8:
        result = _bytes(result) if own.places is None else np.take(_bytes(result)[:, 0], own.places, axis=1)
    return result


def _bytes(values: np.ndarray) -> np.ndarray:
    """Values in 0..1 as uint8."""
    return (values * np.float32(255)).round().astype(np.uint8)


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
        seen = item.get(self.whole_key)
        if seen is not None and not isinstance(seen, TissueColours):
            seen = self.image(seen)
        for key in self.key_iterator(item):
            image = self.image(item[key])
            result = normalise_stains(image, seen, item.get(self.mask_key))
            if image.dtype != np.uint8:
                result = result * np.float32(self.white)
                whole = not np.issubdtype(convert_data_type(item[key], np.ndarray)[0].dtype, np.floating)
                result = result.round() if whole else result
            if type(item[key]) is torch.Tensor and item[key].dtype == torch.uint8 and item[key].device.type == "cpu":
                item[key] = torch.from_numpy(result)  # as it lies in memory
            else:
                item[key] = convert_to_dst_type(result, item[key])[0]
        return item

    def image(self, values: Any) -> np.ndarray:
        """Values of an item, an array or a tensor of 3HW, as ``normalise_stains`` takes them."""
        image = convert_data_type(values, np.ndarray)[0]
        return image if image.dtype == np.uint8 and self.white == 255 else image / np.float32(self.white)
