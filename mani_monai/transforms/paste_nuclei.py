"""Copies of a picture's nuclei beside other nuclei, so that a network learns to tell apart those that touch."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import convert_data_type, convert_to_dst_type
from numpy.typing import NDArray
from scipy import ndimage

MARGIN = 3
"""Pixels around a nucleus that are copied with it: what its soft edge shows."""
SOFTNESS = 1.0
"""Standard deviation in pixels of the edge of a copy."""
MOST_COVERED = 0.2
"""Largest share of a nucleus that a copy covers."""
ATTEMPTS = 5
"""How often a place is drawn for a copy before it is left out."""


class RandPasteNucleid(RandomizableTransform, MapTransform):
    """Pastes copies of the image's own nuclei beside others, which they touch or overlap by a few pixels.

    Simple Copy-Paste (Ghiasi et al. 2021) pastes objects of one image into another at random places. Here donor and
    place are of one image, so that stain and focus agree, and every copy lies against a nucleus: sources with few
    touching nuclei teach a network to merge them.

    Args:
        keys: keys of CHW images; copies have soft edges there.
        instances_key: 1HW ids of nuclei, 0 background; a copy has an id of its own and lies above what it covers.
        types_key: 1HW types of nuclei, if there are any; a copy has its nucleus's.
        share: largest number of copies, as a share of the nuclei that lie wholly within the image; the number is
            drawn evenly between none and that.
        overlap: largest number of pixels that a copy is moved into its neighbour; drawn evenly from 0 on.
        prob: probability that anything is pasted.
        allow_missing_keys: leave an item without instances as it is.

    Raises:
        ValueError: when ``share`` or ``overlap`` is negative.
    """

    def __init__(
        self,
        keys: KeysCollection,
        instances_key: str = "label",
        types_key: str | None = None,
        share: float = 1.0,
        overlap: int = 2,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        if share < 0:
            raise ValueError(f"share must be >= 0, got {share}.")
        if overlap < 0:
            raise ValueError(f"overlap must be >= 0, got {overlap}.")
        self.instances_key = instances_key
        self.types_key = types_key
        self.share = share
        self.overlap = overlap

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item with images and the instances of their nuclei.

        Returns:
            the item with copies of nuclei in its images, instances and types.

        Raises:
            KeyError: when there are no instances, and none may be missing.
            ValueError: when the instances are not 1HW; when their data type does not hold the copies' ids; or when an
                image's or the types' height and width are others.
        """
        item = dict(data)
        self.randomize(None)
        if not self._do_transform or (self.allow_missing_keys and self.instances_key not in item):
            return item
        given = convert_data_type(item[self.instances_key], np.ndarray)[0]
        if given.ndim != 3 or len(given) != 1:
            raise ValueError(f"{self.instances_key} must be 1HW, got {given.shape}.")
        instances = given[0].astype(np.int64)
        soft = list(self.key_iterator(item))
        hard = [self.types_key] if self.types_key is not None and self.types_key in item else []
        arrays = {key: np.array(convert_data_type(item[key], np.ndarray)[0]) for key in [*soft, *hard]}
        for key, array in arrays.items():
            if array.shape[-2:] != instances.shape:
                raise ValueError(f"{key} must be as large as {self.instances_key}, got {array.shape}.")
        self._paste(instances, [arrays[key] for key in soft], [arrays[key] for key in hard])
        arrays[self.instances_key] = instances[None].astype(given.dtype)
        if not np.array_equal(arrays[self.instances_key][0], instances):
            raise ValueError(f"{self.instances_key} must hold ids up to {instances.max()}, got {given.dtype}; cast it.")
        for key, array in arrays.items():
            item[key] = convert_to_dst_type(array, item[key])[0]
        return item

    def _paste(self, instances: NDArray[np.int64], soft: list[NDArray], hard: list[NDArray]) -> None:
        """Pastes in place; donors are the nuclei as they were before."""
        boxes = ndimage.find_objects(instances)
        whole = [number for number, box in enumerate(boxes, 1) if box and _is_within(box, instances.shape)]
        copies = self.R.randint(0, int(self.share * len(whole)) + 1)
        sheets = [instances, *hard, *soft]
        donors = [sheet.copy() for sheet in sheets] if copies else []
        areas = np.bincount(instances.ravel(), minlength=len(boxes) + 1 + copies)
        for number in range(len(boxes) + 1, len(boxes) + 1 + copies):
            donor = self.R.choice(whole)
            rows, columns = boxes[donor - 1]
            window = (
                slice(rows.start - MARGIN, rows.stop + MARGIN),
                slice(columns.start - MARGIN, columns.stop + MARGIN),
            )
            turns, mirrored = self.R.randint(4), self.R.randint(2)
            nucleus, *shown = (_turned(sheet[(..., *window)], turns, mirrored) for sheet in donors)
            mask = nucleus == donor
            drawn = (self._place(instances, boxes, areas, self.R.choice(whole), mask) for _ in range(ATTEMPTS))
            place = next((place for place in drawn if place is not None), None)
            if place is None:
                continue
            edge = ndimage.gaussian_filter(mask.astype(np.float32), SOFTNESS)
            for array, copy in zip(hard, shown, strict=False):
                array[(..., *place)] = np.where(mask, copy, array[(..., *place)])
            for array, copy in zip(soft, shown[len(hard) :], strict=True):
                mixed = edge * copy + (1 - edge) * array[(..., *place)]
                array[(..., *place)] = np.round(mixed) if np.issubdtype(array.dtype, np.integer) else mixed
            np.subtract.at(areas, instances[place][mask], 1)
            areas[number] = np.count_nonzero(mask)
            instances[place][mask] = number

    def _place(
        self,
        instances: NDArray[np.int64],
        boxes: list[tuple[slice, slice]],
        areas: NDArray[np.int64],
        host: int,
        mask: NDArray[np.bool_],
    ) -> tuple[slice, slice] | None:
        """Where a copy lies against its host in a random direction; None where it would leave the image or hide more.

        Args:
            instances: HW ids as they are by now.
            boxes: of all nuclei as they were at first, by ascending id.
            areas: of the background and of all nuclei as they are by now, in pixels, by ascending id.
            host: the nucleus that the copy is to touch.
            mask: hw, of the copy.
        """
        angle, inward = self.R.uniform(0, 2 * np.pi), self.R.randint(self.overlap + 1)
        centre = np.array([(side.start + side.stop - 1) / 2 for side in boxes[host - 1]])
        step, half = np.array([np.sin(angle), np.cos(angle)]), np.array(mask.shape) / 2
        places = []
        for distance in range(int(np.hypot(*instances.shape))):
            top, left = np.round(centre + step * distance - half).astype(int)
            place = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
            if min(top, left) < 0 or place[0].stop > instances.shape[0] or place[1].stop > instances.shape[1]:
                return None
            places.append(place)
            if not (mask & (instances[place] == host)).any():
                break
        place = places[max(len(places) - 1 - inward, 0)]
        covered, pixels = np.unique(instances[place][mask], return_counts=True)
        hides_more = (pixels > MOST_COVERED * areas[covered]) & (covered > 0)
        return None if hides_more.any() else place


def _is_within(box: tuple[slice, slice], shape: tuple[int, ...]) -> bool:
    """Whether a nucleus and its margin lie within an image."""
    return all(side.start >= MARGIN and side.stop + MARGIN <= edge for side, edge in zip(box, shape, strict=True))


def _turned(values: NDArray, turns: int, mirrored: int) -> NDArray:
    """By quarter turns, after a reflection where it is asked for."""
    return np.rot90(values[..., ::-1] if mirrored else values, turns, axes=(-2, -1))
