"""Holes of a mask, and which of them are filled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
    if largest is not None and count:
        for number, box in enumerate(ndimage.find_objects(background), 1):
            enclosed[number] &= all(side.stop - side.start <= largest for side in box)
    enclosed[0] = True  # the mask itself
    return enclosed[background]
