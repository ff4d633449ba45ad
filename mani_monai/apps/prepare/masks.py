"""From a mask as a data set stores it to one map of instance ids."""

from __future__ import annotations

import numpy as np

from mani_monai.apps.prepare.mask_doubts import ACCEPT, is_full, mask_doubt
from mani_monai.data.readers.records import RawMask
from mani_monai.transforms.nucleus import connected_pieces

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)
_MAX_ID = 65535


def to_instances(raw: RawMask, accept_doubtful: bool = False) -> RawMask:
    """Turns a mask into instance ids 1..N, 0 background.

    A mask of a single value above 0 (0/1, 0/255) is binary: its nuclei are its connected components, diagonal
    neighbours included, so nuclei that touch become one. More values are ids. Ids are renumbered without gaps, in
    their order.

    Args:
        raw: HW integers, >= 0; where it has types, those of pixels outside of nuclei are dropped.
        accept_doubtful: take a mask that cannot be what it says all the same.

    Returns:
        HW uint16, kind ``"ids"``, with what was done in its notes.

    Raises:
        ValueError: the values are neither binary nor ids, see :func:`mask_doubt`, or are more than 65535 nuclei.
    """
    values = raw.values
    if values.ndim != 2:
        raise ValueError(f"the mask has {values.ndim} dimensions, not 2")
    foreground = values > 0
    ids, inverse = np.unique(values[foreground], return_inverse=True)
    notes = raw.notes
    if raw.kind == "binary" or (raw.kind == "auto" and len(ids) <= 1):
        instances, count = connected_pieces(foreground, _EIGHT_NEIGHBOURS)
        if count:
            notes += (("binary mask to connected components", 1),)
    else:
        if raw.kind == "auto" and not accept_doubtful:
            _check_edges(ids, inverse)
        count = len(ids)
        instances = np.zeros(values.shape, dtype=np.int64)
        instances[foreground] = inverse + 1
        if is_full(values, count):
            notes += (("all 255 ids of 8 bits are taken: a 256th would be lost", 1),)
    if count > _MAX_ID:
        raise ValueError(f"the mask has {count} nuclei, more than 16 bits hold; cut the image into tiles")
    doubt = None if accept_doubtful else mask_doubt(instances, values)
    if doubt:
        raise ValueError(f"the mask is doubtful: {doubt}, or insist with {ACCEPT}")
    types = raw.types
    if types is not None and types[~foreground].any():
        types = np.where(foreground, types, 0).astype(np.uint8)
        notes += (("cell types outside of nuclei dropped", 1),)
    return RawMask(instances.astype(np.uint16), "ids", notes, types)


def renumber(ids: np.ndarray) -> np.ndarray:
    """Renumbers ids without gaps, in their order.

    Args:
        ids: HW uint16, as :func:`to_instances` gives them, or a part of it.

    Returns:
        HW uint16.
    """
    present = np.bincount(ids.ravel(), minlength=1) > 0
    present[0] = False
    return (present.cumsum() * present).astype(np.uint16)[ids]


def count_types(ids: np.ndarray, types: np.ndarray, kinds: int) -> tuple[int, ...]:
    """Counts the nuclei of each cell type; a nucleus is of the type that most of its typed pixels have.

    Args:
        ids: HW ids 1..N without gaps, 0 background.
        types: HW integers 0..kinds, 0 where no type is known.
        kinds: how many types there are.

    Returns:
        Nuclei without a type, then nuclei of type 1 to ``kinds``.
    """
    pixels = ids.ravel().astype(np.int64) * (kinds + 1) + types.ravel()
    votes = np.bincount(pixels, minlength=(int(ids.max(initial=0)) + 1) * (kinds + 1)).reshape(-1, kinds + 1)[1:, 1:]
    winner = np.where(votes.any(axis=1), votes.argmax(axis=1) + 1, 0)
    return tuple(np.bincount(winner, minlength=kinds + 1).tolist())


def _check_edges(ids: np.ndarray, inverse: np.ndarray) -> None:
    pixels = np.bincount(inverse)
    if ids[-1] == 255 and pixels[-1] > pixels[:-1].sum():
        raise ValueError(
            f"the mask is mostly 255 with {len(ids) - 1} other values, as a binary mask with soft edges is; "
            "threshold it, or say --mask_values binary or ids"
        )
