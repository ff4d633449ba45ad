"""Marks the seams between touching nuclei, or their contours, so that a network learns to tell nuclei apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type
from scipy import ndimage

SEAM = 2
"""Value of a seam in a label: above 0, so that losses that ask for nuclei still count it as one."""
CONTOUR = 2
"""Value of a contour in a label: above 0, since it is of a nucleus."""


def mark_seams(instances: np.ndarray) -> np.ndarray:
    """Turns instances into a mask whose touching nuclei are parted.

    A pixel of a nucleus is a seam where another nucleus lies in its 3x3 neighbourhood. A background pixel is one where
    two nuclei lie in its 5x5 neighbourhood: gaps of up to four pixels, which a network tends to fill. Ronneberger et
    al. (2015) weight such pixels by their distances to the two nearest cells; here it is a set, and its weight stands
    in the loss.

    Args:
        instances: HW integer ids, 0 background.

    Returns:
        HW uint8: 0 background, 1 nuclei, 2 seams (``SEAM``).
    """
    inside = instances > 0
    near = np.where(inside, _several(instances, 3), _several(instances, 5))
    return np.where(near, SEAM, inside).astype(np.uint8)


def mark_contours(instances: np.ndarray) -> np.ndarray:
    """Turns instances into three classes: background, inside and contour.

    A pixel of a nucleus is its contour where another nucleus or background lies in its 5x5 neighbourhood. So a contour
    is two pixels wide, and the line between two nuclei that touch is four. The edge of the image is no contour.

    Args:
        instances: HW integer ids, 0 background.

    Returns:
        HW uint8: 0 background, 1 inside, 2 contour (``CONTOUR``).
    """
    ids = instances.astype(np.int64)
    smallest, largest = ndimage.minimum_filter(ids, 5, mode="nearest"), ndimage.maximum_filter(ids, 5, mode="nearest")
    inside = ids > 0
    return np.where(inside & (smallest < largest), CONTOUR, inside).astype(np.uint8)


def _several(instances: np.ndarray, size: int) -> np.ndarray:
    """Whether two nuclei or more lie in each pixel's neighbourhood of ``size`` x ``size`` pixels."""
    ids = instances.astype(np.int64)
    beyond = ids.max(initial=0) + 1  # the filters reckon in double: the largest int64 would overflow
    largest = ndimage.maximum_filter(ids, size, mode="nearest")
    smallest = ndimage.minimum_filter(np.where(ids > 0, ids, beyond), size, mode="nearest")
    return (largest > 0) & (smallest < largest)


class MarkSeamsd(MapTransform):
    """``mark_seams`` of labels that hold instances, before cropping.

    Args:
        keys: keys of 1HW instance ids.
        allow_missing_keys: leave an item without the key as it is.
    """

    mark = staticmethod(mark_seams)

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with uint8 classes in place of the instances.
        """
        item = dict(data)
        for key in self.key_iterator(item):
            instances = convert_data_type(item[key], np.ndarray)[0]
            item[key] = convert_to_dst_type(self.mark(instances[0])[None], item[key], dtype=np.uint8)[0]
        return item


class MarkContoursd(MarkSeamsd):
    """``mark_contours`` of labels that hold instances, before cropping.

    Args:
        keys: keys of 1HW instance ids.
        allow_missing_keys: leave an item without the key as it is.
    """

    mark = staticmethod(mark_contours)
