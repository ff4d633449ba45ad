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

GLASS = 225
"""Grey of 255 that a network is shown for what is no tissue: glass as scanners see it.

Saturated white, black and ink change a U-Net's answer a hundred pixels away; this changes it least."""
SUPPORT = 9
"""Edge in pixels of the square that has to lie in ink, black or white but for a tenth."""
FLAT = 15
"""Edge in pixels of the square that has to be of one grey."""
REACH = 2 * (FLAT // 2)
"""Pixels around a pixel that decide about it."""
BLACK = 32
"""Largest channel of 255 of a scanner's black border; black ink is less dark."""

SURE_LOGITS = (40.0, -40.0)
"""Of background and nuclei where there is no tissue: background's probability is 1 in float32, its entropy a number."""
SURE_PROBABILITIES = (1.0, 0.0)

_DARKEST_GLASS = 190  # of the least channel
_WHITE = 245  # the least channel of saturated glass
_AVERAGED = 3  # pixels of the edge of the square that noise is averaged over
_GREY, _PURE = 8, 2  # the most that the channels of a grey differ by, and of one that is as pale as stroma
_PALE = 170  # the largest channel of that
_NOISE, _SMOOTH = 3, 2  # of a flat square: its standard deviation once averaged, and as it is
_FADED = 48  # the largest channel of faded black; nuclei as dark as that are far from grey
_BLOCK = 256  # pixels of the edge of what is worked on at once, so that it stays in the processor's cache
_Part = tuple[slice, slice]
_LIGHT_INK = (np.arange(256) ** 3 // 255**2).astype(np.int16)  # by blue: red of three times its optical density


def tissue_mask(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture may be tissue.

    Four kinds are none: black, saturated white, inks in colours that no stain of H&E or DAB makes, and flat grey. Each
    has to fill a small square. So dark pixels within a nucleus stay, and whatever is in doubt is tissue: pale stroma,
    brown and blue of immunohistochemistry, pictures in grey. Violet ink has haematoxylin's colour, and stays too.

    A pixel has the colour itself, or the mean over 3 x 3 pixels has it: so a sensor's noise of 6 grey values, and what
    JPEG makes of it, change little. A pixel is decided by its neighbourhood of ``REACH`` alone, in whole numbers. So
    tiles of a picture give its mask.

    Args:
        picture: HW3 uint8 RGB, at about 40x.

    Returns:
        HW, False where there is no tissue.

    Raises:
        ValueError: when the picture is not HW3 uint8.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"picture must be HW3 uint8, got {picture.dtype} of shape {picture.shape}.")
    tissue = np.empty(picture.shape[:2], bool)
    for block, around, within in _blocks(tissue.shape, REACH):
        tissue[block] = _block_mask(picture[around])[within]
    return tissue


def _block_mask(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The mask of a block, which is right at ``REACH`` pixels from where it is cut."""
    planes = np.ascontiguousarray(np.moveaxis(picture, -1, 0)).astype(np.int16)
    averaged, odd = _average(planes), _odd_colours(planes)
    ink = _mostly(odd | _odd_colours(averaged), SUPPORT)
    if ink.any():  # an average takes in the first pixel beside ink
        ink &= odd | np.asarray(ndimage.minimum_filter(ink, _AVERAGED, mode="nearest"), bool)
    return ~(ink | _one_grey(planes, averaged))


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
    """Scores of background and nuclei, and what follows them, with no nuclei where there is no tissue.

    Args:
        maps: KHW, background first; the same array is returned where all is tissue.
        tissue: HW, its :func:`tissue_mask`.
        sure: scores of background and nuclei where there is none: logits, or ``SURE_PROBABILITIES``.
    """
    if tissue.all():
        return maps
    maps = maps.copy()
    maps[0][~tissue], maps[1][~tissue] = sure
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
                maps = convert_data_type(item[key], np.ndarray)[0]
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
    warm = np.maximum(red, green)
    most, least = np.maximum(warm, blue), np.minimum(np.minimum(red, green), blue)
    spread = most - least
    dark = (most <= BLACK) | (most <= _FADED) & (spread <= 14)
    odd = (least >= _WHITE) | (most <= BLACK // 2) | dark & (spread >= 2)  # of a picture in grey, nuclei are as dark
    if int(spread.max(initial=0)) < 10:
        return odd
    cold = np.maximum(green, blue)
    odd |= (blue - warm >= 30) & (blue >= 2 * warm) & (green >= red - 4)  # dark blue ink
    odd |= (red <= _LIGHT_INK[blue]) & (blue - green >= 40) & (green >= red - 4)  # light blue ink
    odd |= (blue - warm >= 80) & (blue >= 2 * warm)  # blue ink
    odd |= green - np.maximum(red, blue) >= 10  # green
    odd |= np.minimum(green, blue) - red >= 45  # turquoise
    odd |= (red - cold >= 120) | (red - cold >= 80) & (red >= 4 * cold)  # red: blood is paler
    odd |= (red - blue >= 180) | (np.minimum(red, green) - blue >= 90)  # orange, yellow: saffron is paler
    odd |= np.minimum(red, blue) - green >= 100  # magenta
    return odd


def _mostly(mask: NDArray[np.bool_], edge: int) -> NDArray[np.bool_]:
    """The union of the squares of which a mask leaves out a tenth at most: too little for a whole row."""
    if not mask.any():
        return mask
    full = _box_sum(mask.view(np.uint8), edge, np.uint8) > 0.9 * edge * edge
    return np.asarray(ndimage.maximum_filter(full, edge, mode="nearest"), bool) if full.any() else full


def _opened(mask: NDArray[np.bool_], edge: int) -> NDArray[np.bool_]:
    """The union of the squares that lie wholly in a mask; the picture's edge cuts none of them short."""
    if not mask.any():
        return mask
    inside = np.asarray(ndimage.minimum_filter(mask, edge, mode="nearest"), bool)
    return np.asarray(ndimage.maximum_filter(inside, edge, mode="nearest"), bool) if inside.any() else inside


def _one_grey(planes: NDArray[np.int16], averaged: NDArray[np.int16]) -> NDArray[np.bool_]:
    """The union of the squares of one grey, whatever a sensor's noise makes of it.

    A picture in grey, whose channels are equal, is asked for less noise: pale stroma and dark nuclei are smooth there.
    """
    inner, count = FLAT - _AVERAGED + 1, FLAT * FLAT
    sums = [_box_sum(plane, FLAT, np.uint16) for plane in planes]
    most = np.maximum(np.maximum(sums[0], sums[1]), sums[2])
    spread = most - np.minimum(np.minimum(sums[0], sums[1]), sums[2])
    flat = spread <= _GREY * count
    if flat.any():
        flat &= _is_even(averaged[1], inner, _NOISE)
    if flat.any():
        flat &= _is_even(averaged[0], inner, _NOISE)
        coloured = _box_sum(planes.max(axis=0) - planes.min(axis=0), FLAT)
        noise = (10 * coloured >= count) & ((most < _PALE * count) | (spread <= _PURE * count))
        flat &= noise | _is_even(planes[1], FLAT, _SMOOTH)
    return np.asarray(ndimage.maximum_filter(flat, FLAT, mode="nearest"), bool) if flat.any() else flat


def _is_even(plane: NDArray[np.integer], edge: int, deviation: int) -> NDArray[np.bool_]:
    """Where the square around a pixel of HW in 0..255 has at most a standard deviation; in whole numbers."""
    centred, count = plane.astype(np.int32) - 128, edge * edge  # so that 32 bits hold what follows
    sums = _box_sum(centred, edge)
    np.multiply(centred, centred, out=centred)
    return count * _box_sum(centred, edge) - sums * sums <= deviation**2 * count**2


def _average(planes: NDArray[np.int16]) -> NDArray[np.int16]:
    """Planes with their noise averaged over small squares."""
    wide = np.pad(planes, [(0, 0), (1, 1), (1, 1)], mode="edge")
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    sums = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    return (sums + _AVERAGED**2 // 2) // np.int16(_AVERAGED**2)


def _box_sum(plane: NDArray[np.integer], edge: int, dtype: type[np.integer] = np.int32) -> NDArray[np.integer]:
    """Sums over squares around every pixel of HW, which the type has to hold; the outermost pixels are repeated."""
    wide = np.pad(plane, edge // 2, mode="edge").astype(dtype, copy=False)
    return _running_sum(_running_sum(wide, edge, 0), edge, 1)


def _running_sum(values: NDArray[np.integer], count: int, axis: int) -> NDArray[np.integer]:
    """Sums of as many neighbours along an axis, made of sums of two, of four and so on."""

    def part(sums: NDArray[np.integer], start: int, stop: int | None) -> NDArray[np.integer]:
        return sums[start:stop] if axis == 0 else sums[:, start:stop]

    length, start, size, total = values.shape[axis] - count + 1, 0, 1, None
    while True:
        if count & size:
            found = part(values, start, start + length)
            total = found if total is None else total + found
            start += size
        if 2 * size > count:
            return values if total is None else total
        values = part(values, 0, -size) + part(values, size, None)
        size *= 2
