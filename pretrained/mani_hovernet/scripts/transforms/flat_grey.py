"""Squares of one grey, as grey cards and empty glass are, in a picture of tissue, and the sums that find them."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from scipy import ndimage

AVERAGED = 3
"""Edge in pixels of the square that noise is averaged over."""
FLAT = 15
"""Edge in pixels of the square that has to be of one grey."""

_GREY, _PURE = 8, 2  # the most that the channels of a grey differ by, and of one that is as pale as stroma
_PALE = 170  # the largest channel of that
_NOISE, _SMOOTH = 3, 2  # of a flat square: its standard deviation once averaged, and as it is
_Part = tuple[slice, slice]


def one_grey(planes: NDArray[np.int16], smoothed: NDArray[np.int16]) -> NDArray[np.bool_]:
    """The union of the squares of one grey, whatever a sensor's noise makes of it.

    A picture in grey, whose channels are equal, is asked for less noise: pale stroma and dark nuclei are smooth there.
    """
    flat = _is_grey(planes)
    around, within = _surrounded(flat, FLAT // 2)  # few pixels of tissue are grey: the rest asks about these
    planes, smoothed = planes[:, around[0], around[1]], smoothed[:, around[0], around[1]]
    even, inner, count = flat[around][within], FLAT - AVERAGED + 1, FLAT * FLAT
    for channel in (1, 0):
        if even.any():
            even &= _is_even(smoothed[channel], inner, _NOISE)[within]
    if even.any():
        sums = [box_sum(plane, FLAT, np.uint16)[within] for plane in planes]
        most = np.maximum(np.maximum(sums[0], sums[1]), sums[2])
        spread = most - np.minimum(np.minimum(sums[0], sums[1]), sums[2])
        coloured = box_sum(planes.max(axis=0) - planes.min(axis=0), FLAT)[within]
        noise = (10 * coloured >= count) & ((most < _PALE * count) | (spread <= _PURE * count))
        even &= noise | _is_even(planes[1], FLAT, _SMOOTH)[within]
    found = np.zeros_like(flat)
    if even.any():
        found[around][within] = even
        found[around] = ndimage.maximum_filter(found[around], FLAT, mode="nearest")
    return found


def _is_grey(planes: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Where the sums of the channels of 3HW over the square around a pixel differ by little.

    Sums of differences reach 225 x 255. In 16 bits those beyond 32,767 come out beyond 8,160 with the other sign, which
    is no little either.
    """
    red, green, blue = planes
    most = np.int16(_GREY * FLAT * FLAT)

    def is_little(sums: NDArray[np.integer]) -> NDArray[np.bool_]:
        return (sums + most).view(np.uint16) <= np.uint16(2 * most)

    first = box_sum(red - green, FLAT, np.int16)
    grey = is_little(first)
    if grey.any():
        second = box_sum(green - blue, FLAT, np.int16)
        grey &= is_little(second)
        grey &= is_little(first + second)
    return grey


def _surrounded(mask: NDArray[np.bool_], reach: int) -> tuple[_Part, _Part]:
    """The box of a mask's pixels with some pixels around it, as far as there are any, and where it lies in that."""
    spans = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        start, stop = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
        first = max(start - reach, 0)
        spans.append((slice(first, stop + reach), slice(start - first, stop - first)))
    (rows, inner_rows), (columns, inner_columns) = spans
    return (rows, columns), (inner_rows, inner_columns)


def _is_even(plane: NDArray[np.int16], edge: int, deviation: int) -> NDArray[np.bool_]:
    """Where the square around a pixel of HW in 0..255 has at most a standard deviation; in whole numbers."""
    centred, count = plane - np.int16(128), edge * edge  # so that 16 bits hold sums, and 32 what follows
    sums = box_sum(centred, edge, np.int16).astype(np.int32)
    squares = centred.astype(np.int32)
    np.multiply(squares, squares, out=squares)
    return count * box_sum(squares, edge) - sums * sums <= deviation**2 * count**2


def averaged(planes: NDArray[np.int16]) -> NDArray[np.int16]:
    """Planes with their noise averaged over small squares."""
    wide = widened(planes, 1)
    rows = wide[:, :-2] + wide[:, 1:-1]
    rows += wide[:, 2:]
    line = rows.ravel()  # rows one after another take a quarter of the time of rows on their own
    sums = line.copy()
    sums[:-2] += line[1:-1]
    sums[:-2] += line[2:]
    means = sums.reshape(rows.shape)[..., :-2] + np.int16(AVERAGED**2 // 2)
    means //= np.int16(AVERAGED**2)
    return means


def box_sum(plane: NDArray[np.integer], edge: int, dtype: type[np.integer] = np.int32) -> NDArray[np.integer]:
    """Sums over squares around every pixel of HW, which the type has to hold; the outermost pixels are repeated.

    It takes time that grows with the logarithm of the edge.
    """
    wide = widened(plane.astype(dtype, copy=False), edge // 2)
    width = wide.shape[1]
    line = _running_sum(_running_sum(wide.ravel(), edge, width), edge, 1)  # rows lie one after another
    return as_strided(line, plane.shape, (width * line.itemsize, line.itemsize))


def widened(planes: NDArray[np.integer], reach: int) -> NDArray[np.integer]:
    """Planes of ...HW with their outermost pixels repeated: numpy's ``pad``, in a tenth of its time."""
    *many, height, width = planes.shape
    wide = np.empty((*many, height + 2 * reach, width + 2 * reach), planes.dtype)
    wide[..., reach:-reach, reach:-reach] = planes
    wide[..., reach:-reach, :reach] = planes[..., :1]
    wide[..., reach:-reach, -reach:] = planes[..., -1:]
    wide[..., :reach, :] = wide[..., reach : reach + 1, :]
    wide[..., -reach:, :] = wide[..., -reach - 1 : -reach, :]
    return wide


def _running_sum(values: NDArray[np.integer], count: int, step: int) -> NDArray[np.integer]:
    """Sums of ``count`` values, each a ``step`` after the other, made of sums of two, of four and so on."""
    length, start, size, total = len(values) - (count - 1) * step, 0, 1, None
    while True:
        if count & size:
            part = values[start : start + length]
            total = part if total is None else total + part
            start += size * step
        if 2 * size > count:
            return values if total is None else total
        values = values[: -size * step] + values[size * step :]
        size *= 2
