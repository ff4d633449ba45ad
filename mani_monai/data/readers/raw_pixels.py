"""Pixels as a file holds them, and what was converted to get them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RawImage:
    """A decoded image: HW3 uint8 RGB, and what was converted to get there."""

    pixels: np.ndarray
    notes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class RawMask:
    """A mask as a data set stores it.

    Attributes:
        values: HW integers, 0 is background.
        kind: ``"ids"`` where every value is one nucleus, ``"binary"`` where everything above 0 is nuclei, ``"auto"``
            to decide by the values.
        notes: (what was done or dropped on reading, how often).
        types: HW uint8, the cell type of every pixel, 0 where there is none; None where the data set has no types.
    """

    values: np.ndarray
    kind: str = "auto"
    notes: tuple[tuple[str, int], ...] = ()
    types: np.ndarray | None = None
