"""What of a picture is no tissue: scanner borders, clear glass, pen and grey cards."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type
from numpy.typing import NDArray
from scipy import ndimage

from .flat_grey import AVERAGED, FLAT, averaged, box_sum, one_grey

GLASS = 225
"""Grey of 255 that a network is shown for what is no tissue: glass as scanners see it.

Saturated white, black and ink change a U-Net's answer a hundred pixels away; this changes it least."""
SUPPORT = 9
"""Edge in pixels of the square that has to lie in ink, black or white but for a tenth."""
REACH = 2 * (FLAT // 2)
"""Pixels around a pixel that decide about it."""
BLACK = 32
"""Largest channel of 255 of a scanner's black border; black ink is less dark."""

SURE_LOGITS = (40.0, -40.0)
"""Of background and nuclei where there is no tissue: background's probability is 1 in float32, its entropy a number."""
SURE_PROBABILITIES = (1.0, 0.0)

_DARKEST_GLASS = 190  # of the least channel
_WHITE = 245  # the least channel of saturated glass
_FADED = 48  # the largest channel of faded black; nuclei as dark as that are far from grey
_BLOCK = 256  # pixels of the edge of what is worked on at once, so that it stays in the processor's cache
_Part = tuple[slice, slice]
_LIGHT_INK = (np.arange(256) ** 3 // 255**2).astype(np.int16)  # by blue: red of three times its optical density


def tissue_mask(
    picture: NDArray[np.uint8], known: tuple[NDArray[np.uint8], NDArray[np.bool_]] | None = None
) -> NDArray[np.bool_]:
    """Where a picture may be tissue.

    Four kinds are none: black, saturated white, inks in colours that no stain of H&E or DAB makes, and flat grey. Each
    has to fill a small square. So dark pixels within a nucleus stay, and whatever is in doubt is tissue: pale stroma,
    brown and blue of immunohistochemistry, pictures in grey. Violet ink has haematoxylin's colour, and stays too.

    A pixel has the colour itself, or the mean over 3 x 3 pixels has it: so a sensor's noise of 6 grey values, and what
    JPEG makes of it, change little. A pixel is decided by its neighbourhood of ``REACH`` alone, in whole numbers. So
    tiles of a picture give its mask.

    Args:
        picture: HW3 uint8 RGB, at about 40x.
        known: another picture of this shape and its mask, which is taken wherever the two look the same.

    Returns:
        HW, False where there is no tissue.

    Raises:
        ValueError: when the picture is not HW3 uint8.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"picture must be HW3 uint8, got {picture.dtype} of shape {picture.shape}.")
    tissue = np.empty(picture.shape[:2], bool)
    for block, around, within in _blocks(tissue.shape, REACH):
        if known is not None and np.array_equal(picture[around], known[0][around]):
            tissue[block] = known[1][block]
        else:
            tissue[block] = _block_mask(picture[around])[within]
    return tissue


def _block_mask(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The mask of a block, which is right at ``REACH`` pixels from where it is cut."""
    planes = np.ascontiguousarray(np.moveaxis(picture, -1, 0)).astype(np.int16)
    even, odd = averaged(planes), _odd_colours(planes)
    ink = _mostly(odd | _odd_colours(even), SUPPORT)
    if ink.any():  # an average takes in the first pixel beside ink
        ink &= odd | np.asarray(ndimage.minimum_filter(ink, AVERAGED, mode="nearest"), bool)
    return ~(ink | one_grey(planes, even))


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
    shown = picture
    for block, around, within in _blocks(tissue.shape, 2 * (SUPPORT // 2)):
        if tissue[block].all():
            continue
        least = _least(picture[around])
        unlike = ~tissue[block] & ((least < _DARKEST_GLASS) | _opened(least >= _WHITE, SUPPORT))[within]
        if unlike.any():
            shown = picture.copy() if shown is picture else shown
            shown[block][unlike] = GLASS
    return shown


def _least(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.minimum(np.minimum(picture[..., 0], picture[..., 1]), picture[..., 2])


def off_tissue(
    maps: NDArray[np.float32], tissue: NDArray[np.bool_], sure: tuple[float, float] = SURE_LOGITS
) -> NDArray[np.float32]:
    """Takes nuclei away where there is no tissue: in place, since a copy of a large answer takes long.

    Args:
        maps: KHW, scores of background and nuclei, and what follows them; it is changed and returned.
        tissue: HW, its :func:`tissue_mask`.
        sure: scores of background and nuclei where there is none: logits, or ``SURE_PROBABILITIES``.
    """
    for plane, score in zip(maps, sure, strict=False):
        np.copyto(plane, np.float32(score), where=~tissue)
    return maps


class BackgroundOffTissued(MapTransform):
    """A network's answer with no nuclei where there is no tissue.

    Args:
        keys: answers, logits of background and nuclei first, KHW.
        tissue_key: 1HW, nought where there is no tissue; an item without it is left as it is.
        probabilities: the answers are probabilities of background and nuclei.
    """

    def __init__(self, keys: KeysCollection = "pred", tissue_key: str = "tissue", probabilities: bool = False) -> None:
        super().__init__(keys)
        self.tissue_key = tissue_key
        self.probabilities = probabilities

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
                maps = convert_data_type(item[key], np.ndarray)[0].copy()
                sure = SURE_PROBABILITIES if self.probabilities else SURE_LOGITS
                item[key] = convert_to_dst_type(off_tissue(maps, tissue, sure), item[key])[0]
        return item


def _blocks(shape: tuple[int, ...], reach: int) -> Iterator[tuple[_Part, _Part, _Part]]:
    """Blocks of a picture, each with some pixels around it, and where it lies within these."""
    for corner in product(*(range(0, side, _BLOCK) for side in shape)):
        stops = [min(start + _BLOCK, side) for start, side in zip(corner, shape, strict=True)]
        starts = [max(start - reach, 0) for start in corner]
        rows, columns = (slice(start, stop + reach) for start, stop in zip(starts, stops, strict=True))
        inner = [slice(first - start, stop - start) for first, start, stop in zip(corner, starts, stops, strict=True)]
        yield (slice(corner[0], stops[0]), slice(corner[1], stops[1])), (rows, columns), (inner[0], inner[1])


def _odd_colours(planes: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Pixels of 3HW in colours that stained tissue does not have.

    On TNBC, CoNSeP and MoNuSeg each rule holds for less than a thousandth of nuclei's pixels. Light blue ink and
    haematoxylin differ by optical densities: blue's is less than a third of red's in ink, and more in haematoxylin.
    """
    red, green, blue = planes
    most = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    spread = most - least
    odd = least >= _WHITE
    if int(most.min(initial=255)) <= _FADED:
        dark = (most <= BLACK) | (most <= _FADED) & (spread <= 14)
        odd |= (most <= BLACK // 2) | dark & (spread >= 2)  # of a picture in grey, nuclei are as dark
    # most tissue is violet or pale, so that few pixels are asked about each ink
    for may_be, is_ink in (((spread >= 10) & (green >= red - 4), _cold_ink), (spread >= 80, _strong_ink)):
        chosen = np.flatnonzero(may_be)
        if len(chosen):
            np.put(odd, chosen[is_ink(*(np.take(plane, chosen) for plane in planes))], True)
    return odd


def _cold_ink(red: NDArray[np.int16], green: NDArray[np.int16], blue: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Inks of N colours that are not violet: no redder than green, but for four grey values."""
    warm = np.maximum(red, green)
    ink = (blue - warm >= 30) & (blue >= 2 * warm)  # dark blue, blue
    ink |= (blue - green >= 40) & (red <= _LIGHT_INK[blue])  # light blue
    ink |= green - np.maximum(red, blue) >= 10  # green
    return ink | (np.minimum(green, blue) - red >= 45)  # turquoise


def _strong_ink(red: NDArray[np.int16], green: NDArray[np.int16], blue: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Inks of N colours that are far from grey."""
    warm, redder = np.maximum(red, green), red - np.maximum(green, blue)
    ink = (blue - warm >= 80) & (blue >= 2 * warm)  # blue
    ink |= (redder >= 120) | (redder >= 80) & (red >= 4 * np.maximum(green, blue))  # red: blood is paler
    ink |= (red - blue >= 180) | (np.minimum(red, green) - blue >= 90)  # orange, yellow: saffron is paler
    return ink | (np.minimum(red, blue) - green >= 100)  # magenta


def _mostly(mask: NDArray[np.bool_], edge: int) -> NDArray[np.bool_]:
    """The union of the squares of which a mask leaves out a tenth at most: too little for a whole row."""
    full = box_sum(mask.view(np.uint8), edge, np.uint8) > np.uint8(0.9 * edge * edge)
    return np.asarray(ndimage.maximum_filter(full, edge, mode="nearest"), bool) if full.any() else full


def _opened(mask: NDArray[np.bool_], edge: int) -> NDArray[np.bool_]:
    """The union of the squares that lie wholly in a mask; the picture's edge cuts none of them short."""
    if not mask.any():
        return mask
    inside = np.asarray(ndimage.minimum_filter(mask, edge, mode="nearest"), bool)
    return np.asarray(ndimage.maximum_filter(inside, edge, mode="nearest"), bool) if inside.any() else inside
