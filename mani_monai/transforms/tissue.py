"""What of a picture is no tissue: scanner borders, clear glass, pen and grey cards."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type
from numpy.typing import NDArray
from scipy import ndimage

GLASS = 225
"""Grey of 255 that a network is shown for what is no tissue: glass as scanners see it.

Saturated white, black and ink change a U-Net's answer a hundred pixels away; this changes it least."""
SUPPORT = 9
"""Edge in pixels of the square that has to lie wholly in ink, black or white."""
FLAT = 15
"""Edge in pixels of the square that has to be of one grey."""
REACH = 2 * (FLAT // 2)
"""Pixels around a pixel that decide about it."""
BLACK = 32
"""Largest channel of 255 of a scanner's black border; black ink is less dark."""

SURE = 40.0
"""Logit of background where there is no tissue: its probability is 1 in float32, its entropy a number."""

_DARKEST_GLASS = 190  # of the least channel
_WHITE = 245  # the least channel of saturated glass
_GREY, _SPREAD = 8, 2  # of a flat square: the most that its mean channels differ by, its standard deviation


def tissue_mask(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture may be tissue.

    Four kinds are none: black, saturated white, inks in colours that no stain of H&E or DAB makes, and flat grey. Each
    has to fill a small square. So dark pixels within a nucleus stay, and whatever is in doubt is tissue: pale stroma,
    brown and blue of immunohistochemistry, pictures in grey.

    A pixel is decided by its neighbourhood of ``REACH`` alone, in whole numbers. So tiles of a picture give its mask.

    Args:
        picture: HW3 uint8 RGB, at about 40x.

    Returns:
        HW, False where there is no tissue.

    Raises:
        ValueError: when the picture is not HW3 uint8.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"picture must be HW3 uint8, got {picture.dtype} of shape {picture.shape}.")
    return ~(_opened(_odd_colours(picture), SUPPORT) | _opened_flat(picture))


def shown_as_glass(picture: NDArray[np.uint8], tissue: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """A picture in which all that is no tissue looks like glass; the picture itself where it does.

    What is as light and grey as glass stays as it is, so that images of a data set do.

    Args:
        picture: HW3 uint8 RGB.
        tissue: HW, its :func:`tissue_mask` where that is known.
    """
    tissue = tissue_mask(picture) if tissue is None else tissue
    if tissue.all():
        return picture
    least = picture.min(axis=2)
    unlike = ~tissue & ((least < _DARKEST_GLASS) | _opened(least >= _WHITE, SUPPORT))
    return np.where(unlike[..., None], np.uint8(GLASS), picture) if unlike.any() else picture


def off_tissue(maps: NDArray[np.float32], tissue: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Logits of background and nuclei, and what follows them, with no nuclei where there is no tissue.

    Args:
        maps: KHW, background first; the same array is returned where all is tissue.
        tissue: HW, its :func:`tissue_mask`.
    """
    if tissue.all():
        return maps
    maps = maps.copy()
    maps[0][~tissue], maps[1][~tissue] = SURE, -SURE
    return maps


class BackgroundOffTissued(MapTransform):
    """A network's answer with no nuclei where there is no tissue.

    Args:
        keys: answers, logits of background and nuclei first, KHW.
        tissue_key: 1HW, nought where there is no tissue; an item without it is left as it is.
    """

    def __init__(self, keys: KeysCollection = "pred", tissue_key: str = "tissue") -> None:
        super().__init__(keys)
        self.tissue_key = tissue_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with its answers, of the type that they had.
        """
        item = dict(data)
        if self.tissue_key in item:
            tissue = np.asarray(item[self.tissue_key])[0] > 0
            for key in self.keys if not tissue.all() else ():
                maps = convert_data_type(item[key], np.ndarray)[0]
                item[key] = convert_to_dst_type(off_tissue(maps, tissue), item[key])[0]
        return item


class MarkTissued(MapTransform):
    """Adds the :func:`tissue_mask` of images, for statistics that leave the rest out.

    Args:
        keys: one key of 3HW RGB images in 0..255, as they are decoded: what is no tissue may be glass by then.
        tissue_key: receives 1HW uint8, 1 where there may be tissue.
        allow_missing_keys: leave an item without the key as it is.
    """

    def __init__(
        self, keys: KeysCollection = "image", tissue_key: str = "tissue", allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.tissue_key = tissue_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with the mask.
        """
        item = dict(data)
        for key in self.key_iterator(item):
            values = np.asarray(item[key]).round().clip(0, 255).astype(np.uint8)
            mask = tissue_mask(np.ascontiguousarray(np.moveaxis(values, 0, -1)))
            mask &= ~_opened((values == GLASS).all(0), SUPPORT)  # decoded so, and too narrow for a flat square
            item[self.tissue_key] = torch.from_numpy(mask[None].astype(np.uint8))
        return item


def _odd_colours(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of colours that stained tissue does not have.

    On TNBC, CoNSeP and MoNuSeg each rule for ink holds for less than a thousandth of the pixels, and hardly anywhere
    for a whole square.
    """
    red, green, blue = np.moveaxis(picture.astype(np.int16), -1, 0)
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    odd = (most <= BLACK) | (least >= _WHITE)
    if int((most - least).max(initial=0)) < 16:
        return odd
    warm = np.maximum(red, green)
    odd |= (blue - warm >= 80) & (blue >= 2 * warm)  # blue ink
    odd |= green - np.maximum(red, blue) >= 16  # green
    odd |= np.minimum(green, blue) - red >= 60  # turquoise
    odd |= red - np.maximum(green, blue) >= 130  # red: blood is paler
    odd |= np.minimum(red, green) - blue >= 100  # yellow: saffron is paler
    odd |= np.minimum(red, blue) - green >= 140  # magenta
    return odd


def _opened(mask: NDArray[np.bool_], edge: int) -> NDArray[np.bool_]:
    """The union of the squares that lie wholly in a mask; the picture's edge cuts none of them short."""
    if not mask.any():
        return mask
    inside = np.asarray(ndimage.minimum_filter(mask, edge, mode="nearest"), bool)
    return np.asarray(ndimage.maximum_filter(inside, edge, mode="nearest"), bool) if inside.any() else inside


def _opened_flat(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The union of the squares of one grey."""
    values = picture.astype(np.int32)
    count = FLAT * FLAT
    green = _box_sum(values[..., 1])
    spread = count * _box_sum(values[..., 1] ** 2).astype(np.int64) - green.astype(np.int64) ** 2
    flat = spread <= (_SPREAD * count) ** 2  # the variance, times the count squared
    if not flat.any():
        return flat
    red, blue = _box_sum(values[..., 0]), _box_sum(values[..., 2])
    flat &= np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue) <= _GREY * count
    return np.asarray(ndimage.maximum_filter(flat, FLAT, mode="nearest"), bool) if flat.any() else flat


def _box_sum(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Sums over squares around every pixel; the outermost pixels are repeated beyond the edge.

    Running totals may pass what 32 bits hold. They wrap, and so does their difference, back to the exact sum.
    """
    half = FLAT // 2
    sums = np.pad(values, half, mode="edge").cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    return sums[FLAT:, FLAT:] - sums[:-FLAT, FLAT:] - sums[FLAT:, :-FLAT] + sums[:-FLAT, :-FLAT]
