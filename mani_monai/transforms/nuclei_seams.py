"""Marks the seams between touching nuclei, contours or depths, so that a network learns to tell nuclei apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type
from scipy import ndimage

from .capped_distance import capped_distance

SEAM = 2
"""Value of a seam in a label: above 0, so that losses that ask for nuclei still count it as one."""
CONTOUR = 2
"""Value of a contour in a label: above 0, since it is of a nucleus."""
DEEPEST = 255
"""Value in a label of where a nucleus is deepest; every other pixel of it has its share of that, 1 at least."""


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


def mark_distances(instances: np.ndarray) -> np.ndarray:
    """Turns instances into distances to the border, each as a share of its nucleus's largest one.

    A pixel beside another nucleus or background has a distance of 1. The others have their distance to the nearest such
    pixel more. Beyond the edge of the image lies no border, as with contours. StarDist's probability of an object
    (Schmidt et al. 2018, section 2) is this share, but for its unit of 1/255.

    Args:
        instances: HW integer ids, 0 background.

    Returns:
        HW uint8: 0 background, 1 to 255 (``DEEPEST``) inside nuclei.
    """
    ids = instances.astype(np.int64)
    inside = ids > 0
    smallest, largest = ndimage.minimum_filter(ids, 3, mode="nearest"), ndimage.maximum_filter(ids, 3, mode="nearest")
    distance = 1 + capped_distance(inside & (smallest == largest), 127)[inside]
    number = np.unique(ids[inside], return_inverse=True)[1]
    deepest = np.zeros(number.max(initial=-1) + 1, np.float32)
    np.maximum.at(deepest, number, distance)
    marked = np.zeros(ids.shape, np.uint8)
    marked[inside] = np.rint(DEEPEST * distance / deepest[number]).clip(1)
    return marked


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


class MarkDistancesd(MarkSeamsd):
    """``mark_distances`` of labels that hold instances, before cropping: so a nucleus that is cut keeps its distances.

    Args:
        keys: keys of 1HW instance ids.
        allow_missing_keys: leave an item without the key as it is.
    """

    mark = staticmethod(mark_distances)
