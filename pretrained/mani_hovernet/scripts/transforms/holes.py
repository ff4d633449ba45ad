"""Holes of a mask, and which of them are filled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .nucleus import connected_pieces

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


def filled(mask: NDArray[np.bool_], largest: int | None = None) -> NDArray[np.bool_]:
    """Fills what a mask encloses: background that does not reach the edge of the map, not even diagonally.

    Args:
        mask: HW.
        largest: pixels of either edge of a hole that is filled; all are, by default.

    Returns:
        HW.
    """
    background, count = connected_pieces(~mask, _EIGHT_NEIGHBOURS)
    enclosed = np.ones(count + 1, dtype=bool)
    for edge in (background[:1], background[-1:], background[:, :1], background[:, -1:]):
        enclosed[edge] = False
    enclosed[0] = False  # the mask itself
    holes = enclosed[background]
    if largest is not None:
        where = np.flatnonzero(holes)
        number = background.ravel()[where]
        for places in np.divmod(where, mask.shape[1]):
            first, last = np.full(count + 1, max(mask.shape)), np.zeros(count + 1, np.intp)
            np.minimum.at(first, number, places)
            np.maximum.at(last, number, places)
            enclosed &= last - first < largest
        np.put(holes, where, enclosed[number])
    return mask | holes
