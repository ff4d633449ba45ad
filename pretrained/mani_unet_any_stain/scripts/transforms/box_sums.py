"""Sums over the squares around every pixel, in time that grows with the logarithm of a square's edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AVERAGED = 3
"""Edge in pixels of the square that noise is averaged over."""


def averaged(planes: NDArray[np.int16]) -> NDArray[np.int16]:
    """Planes with their noise averaged over small squares."""
    wide = widened(planes, 1)
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    sums = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    return (sums + AVERAGED**2 // 2) // np.int16(AVERAGED**2)


def box_sum(plane: NDArray[np.integer], edge: int, dtype: type[np.integer] = np.int32) -> NDArray[np.integer]:
    """Sums over squares around every pixel of HW, which the type has to hold; the outermost pixels are repeated."""
    wide = widened(plane.astype(dtype, copy=False), edge // 2)
    return _running_sum(_running_sum(wide, edge, 0), edge, 1)


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
