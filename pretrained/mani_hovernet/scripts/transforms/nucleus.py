"""What one nucleus is, everywhere in this project."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

THRESHOLD = 0.5
"""A pixel is nucleus where its probability is above this, as where the larger of two logits is the nuclei's."""

NEIGHBOURS = ndimage.generate_binary_structure(2, 1)
"""Pixels of one nucleus are connected by their edges. Pieces that touch at corners only are separate."""

LEAST_AREA_UM2 = 3.0
"""Square micrometres of the smallest nucleus: a disk of 2 um. What is smaller is dropped."""

USUAL_MPP = 0.25
"""Micrometres a pixel where nobody knows better: a scan of 40x."""


def least_area(mpp: float | None = None) -> int:
    """Pixels of the smallest nucleus.

    Args:
        mpp: micrometres a pixel; None where it is unknown, which counts as ``USUAL_MPP``.

    Returns:
        pixels, 1 or more.

    Raises:
        ValueError: when ``mpp`` is not a positive number.
    """
    mpp = USUAL_MPP if mpp is None else mpp
    if not 0 < mpp < np.inf:
        raise ValueError(f"mpp must be > 0, got {mpp}.")
    return max(round(LEAST_AREA_UM2 / mpp**2), 1)


def connected_pieces(
    mask: NDArray[np.bool_], neighbours: NDArray[np.bool_] = NEIGHBOURS
) -> tuple[NDArray[np.int32], int]:
    """The connected pieces of a mask, small ones too.

    Args:
        mask: HW bool.
        neighbours: 3x3, true where two pixels are of one piece.

    Returns:
        HW ids 1..N in the raster order of their first pixels, 0 background; and N.
    """
    return cast("tuple[NDArray[np.int32], int]", ndimage.label(mask, neighbours))


def connected_nuclei(mask: NDArray[np.bool_], min_size: int | None = None) -> NDArray[np.int32]:
    """The connected pieces of a mask, each as a nucleus.

    Args:
        mask: HW bool.
        min_size: pixels of the smallest piece that stays; :func:`least_area` by default.

    Returns:
        HW ids 1..N in the raster order of their first pixels, 0 background.
    """
    pieces, count = connected_pieces(mask)
    return without_small(pieces, count, least_area() if min_size is None else min_size)[0]


def without_small(instances: NDArray[np.int32], count: int, min_size: int) -> tuple[NDArray[np.int32], int]:
    """Drops the nuclei of fewer than ``min_size`` pixels and renumbers the rest.

    Args:
        instances: HW ids 1..``count``, 0 background.
        count: the largest id.
        min_size: pixels.

    Returns:
        HW ids 1..N in the same order, and N.
    """
    kept = np.bincount(instances[instances > 0], minlength=count + 1) >= min_size
    kept[0] = False
    if kept[1:].all():
        return instances, count
    numbers = np.cumsum(kept, dtype=np.int32) * kept
    return numbers[instances], int(numbers.max(initial=0))
