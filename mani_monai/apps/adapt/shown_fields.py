"""Which fields a report shows: typical ones of different images, the one that changed most, the least certain one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit
from skimage.measure import block_reduce

from mani_monai.apps.adapt.evidence import ImageNuclei

SIDE = 256
"""Side of a field that is shown, in pixels, about: an image is divided into equal ones."""
TYPICAL = 3
"""Images whose typical field is shown."""
TYPICAL_FIELD, MOST_CHANGED, SUSPICIOUS = "typical field", "most changed field", "suspicious image"


@dataclass(frozen=True)
class Place:
    """A part of an image.

    Attributes:
        image: its number.
        row: of its upper left pixel.
        column: likewise.
        height: in pixels.
        width: in pixels.
    """

    image: int
    row: int
    column: int
    height: int
    width: int

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns of an array."""
        return slice(self.row, self.row + self.height), slice(self.column, self.column + self.width)


@dataclass(frozen=True)
class Field(Place):
    """A part of an image, and what two models find in it.

    Attributes:
        before: nuclei of the source model that it shows, cut ones included.
        after: those of the adapted model.
        changed: part of its pixels that the two models call different.
    """

    before: int
    after: int
    changed: float

    @property
    def nuclei(self) -> int:
        """The more of before and after."""
        return max(self.before, self.after)


def shown_fields(
    before: Sequence[ImageNuclei], after: Sequence[ImageNuclei], suspicious: Collection[int] = (), side: int = SIDE
) -> list[tuple[str, Field]]:
    """Fields to show, each with what it stands for; none is empty where an image has nuclei at all.

    A typical field of an image has about as many nuclei as the middle one of its fields with nuclei. The images whose
    pixels changed about as much as the middle image's come first.

    Args:
        before: nuclei of the source model by image.
        after: nuclei of the adapted one, of the same images.
        suspicious: numbers of images that are shown last, and one of them only.
        side: of a field, in pixels, about; an image that is smaller is one field.
    """
    fields = [_fields(number, *pair, side) for number, pair in enumerate(zip(before, after, strict=True))]
    sound = [number for number in range(len(fields)) if number not in suspicious]
    ranked = _by_typicality(fields, sound)
    shown = [(TYPICAL_FIELD, _typical(fields[number])) for number in ranked[:TYPICAL]]
    others = [field for number in sound for field in fields[number] if field not in [one for _, one in shown]]
    unseen = [field for field in others if field.image not in ranked[:TYPICAL]] or others
    if unseen and (most := max(unseen, key=lambda field: field.changed)).changed > 0:
        shown.append((MOST_CHANGED, most))
    doubtful = _by_typicality(fields, sorted(suspicious))
    return shown + [(SUSPICIOUS, _typical(fields[number])) for number in doubtful[:1]]


def _by_typicality(fields: Sequence[Sequence[Field]], numbers: Sequence[int]) -> list[int]:
    """Numbers of images: those with nuclei first, and of these the ones that changed as much as the middle one."""
    changes = {number: float(np.mean([field.changed for field in fields[number]])) for number in numbers}
    middle = float(np.median(list(changes.values()))) if changes else 0.0
    empty = {number: not any(field.nuclei for field in fields[number]) for number in numbers}
    return sorted(numbers, key=lambda number: (empty[number], abs(changes[number] - middle)))


def _typical(fields: Sequence[Field]) -> Field:
    seen = [field for field in fields if field.nuclei] or list(fields)
    middle = float(np.median([field.nuclei for field in seen]))
    return min(seen, key=lambda field: abs(field.nuclei - middle))


def _fields(number: int, before: ImageNuclei, after: ImageNuclei, side: int) -> list[Field]:
    rows, columns = (max(1, round(length / side)) for length in before.shape)
    height, width = before.shape[0] // rows, before.shape[1] // columns
    maps = before.instances, after.instances
    fields = []
    for row in range(0, rows * height, height):
        for column in range(0, columns * width, width):
            one, other = (ids[row : row + height, column : column + width] for ids in maps)
            changed = float(((one > 0) ^ (other > 0)).mean())
            fields.append(Field(number, row, column, height, width, _count(one), _count(other), changed))
    return fields


def _count(ids: NDArray[np.int32]) -> int:
    return len(np.unique(ids[ids > 0]))


BLOCK = 16
"""Side of the squares of the network's pixels that an entropy is the mean of."""
FIELDS = 5
"""Fields that are named, each of another image."""


@dataclass(frozen=True)
class UnsureField(Place):
    """A part of an image, and how sure a model is of it.

    Attributes:
        entropy: of the prediction, the mean over its pixels: 0 to ln 2.
    """

    entropy: float


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
) -> list[UnsureField]:
    """The least certain field of each image, about ``SIDE`` pixels high and wide, the least certain images first.

    Args:
        shapes: height and width of each image, in its own pixels.
        blocks: of each image, as of :func:`entropy_blocks`; they cover it.
        skipped: numbers of images that are not named, say suspicious ones; fields without a finite answer never are.
        count: of fields, at most.
    """
    found = []
    for number, (shape, entropy) in enumerate(zip(shapes, blocks, strict=True)):
        if number in skipped:
            continue
        rows, columns = (max(1, round(length / SIDE)) for length in shape)
        height, width = shape[0] // rows, shape[1] // columns
        fields = [
            UnsureField(number, row * height, column * width, height, width, float(part.mean()))
            for row, across in enumerate(np.array_split(entropy, rows, axis=0))
            for column, part in enumerate(np.array_split(across, columns, axis=1))
            if part.size and np.isfinite(part).all()
        ]
        found += sorted(fields, key=lambda field: -field.entropy)[:1]
    return sorted(found, key=lambda field: -field.entropy)[:count]
