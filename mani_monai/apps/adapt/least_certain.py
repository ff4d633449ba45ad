"""Fields in which a model is least sure: those to label first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit
from skimage.measure import block_reduce

from mani_monai.apps.adapt.shown_fields import SIDE

BLOCK = 16
"""Side of the squares of the network's pixels that an entropy is the mean of."""
FIELDS = 5
"""Fields that are named, each of another image."""


@dataclass(frozen=True)
class UnsureField:
    """A part of an image.

    Attributes:
        image: its number.
        row: of its upper left pixel.
        column: likewise.
        height: in pixels.
        width: in pixels.
        entropy: of the prediction, the mean over its pixels: 0 to ln 2.
    """

    image: int
    row: int
    column: int
    height: int
    width: int
    entropy: float

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns of an array."""
        return slice(self.row, self.row + self.height), slice(self.column, self.column + self.width)


def entropy_blocks(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean entropy of the prediction in squares of ``BLOCK`` pixels.

    Args:
        maps: KHW, logits of background and nuclei first.
    """
    nuclei = expit((maps[1] - maps[0]).astype(np.float32))
    entropy = entr(nuclei) + entr(1 - nuclei)
    return block_reduce(entropy, BLOCK, np.mean, cval=0).astype(np.float32)


def least_certain(
    shapes: Sequence[tuple[int, int]],
    blocks: Sequence[NDArray[np.float32]],
    skipped: Collection[int] = (),
    count: int = FIELDS,
    side: int = SIDE,
) -> list[UnsureField]:
    """The least certain field of each image, the least certain images first.

    Args:
        shapes: height and width of each image, in its own pixels.
        blocks: of each image, as of :func:`entropy_blocks`; they cover it.
        skipped: numbers of images that are not named, say suspicious ones; fields without a finite answer never are.
        count: of fields, at most.
        side: of a field, in pixels, about; an image that is smaller is one field.
    """
    found = []
    for number, (shape, entropy) in enumerate(zip(shapes, blocks, strict=True)):
        if number in skipped:
            continue
        rows, columns = (max(1, round(length / side)) for length in shape)
        height, width = shape[0] // rows, shape[1] // columns
        fields = [
            UnsureField(number, row * height, column * width, height, width, float(part.mean()))
            for row, across in enumerate(np.array_split(entropy, rows, axis=0))
            for column, part in enumerate(np.array_split(across, columns, axis=1))
            if part.size and np.isfinite(part).all()
        ]
        found += sorted(fields, key=lambda field: -field.entropy)[:1]
    return sorted(found, key=lambda field: -field.entropy)[:count]
