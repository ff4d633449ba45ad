"""A thin black frame around a picture, as a crop beyond a scan or a screenshot leaves it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mani_monai.transforms.tissue import SUPPORT

BLACK, GREY = 70, 25
"""A pixel without a channel above ``BLACK`` whose channels lie within ``GREY`` is black, as pigment, ink and folds are
and nuclei are not."""
WIDE = 2 * SUPPORT
"""Rows or columns from which on a black border is wide."""
_DARK, _MOST = 90, 0.9  # largest channel, and part of a row or column: what JPEG leaves of black, in whatever colour


def is_black(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture is black.

    Args:
        picture: HW3 RGB.

    Returns:
        HW.
    """
    brightest = picture.max(axis=2).astype(np.int16)
    return (brightest < BLACK) & (brightest - picture.min(axis=2) < GREY)


def without_black_frame(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture without the outermost rows and columns that are black from end to end.

    A side that has ``WIDE`` of them or more keeps them: ``tissue_mask`` knows a wide border by itself, and would not
    know what was left of it. Pigment is never as long as the picture is wide.

    Args:
        picture: HW3 RGB, of more than two times ``WIDE`` rows and columns; a smaller one stays as it is.

    Returns:
        a view of it.
    """
    height, width = picture.shape[:2]
    if min(height, width) <= 2 * WIDE:
        return picture
    sides = picture, picture[::-1], picture.swapaxes(0, 1), picture[:, ::-1].swapaxes(0, 1)
    top, bottom, left, right = (_thickness(side[:WIDE]) for side in sides)
    return picture[top : height - bottom, left : width - right]


def _thickness(rows: NDArray[np.uint8]) -> int:
    """How many rows are black, from the first on; 0 where all are."""
    black = (rows.max(axis=2) < _DARK).mean(axis=1) >= _MOST
    return int(black.argmin())
