"""HoVer-Net's training targets from a map of instances."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type
from skimage.measure import label as connected_components


def hover_maps(instances: np.ndarray) -> np.ndarray:
    """Horizontal and vertical offset of every pixel from the centre of its instance (Graham et al. 2019, section 3.1).

    The centre is the centroid rounded to a pixel, halves up. Negative offsets are divided by the magnitude of the
    instance's smallest, positive ones by its largest: an instance reaches exactly from -1 to 1 on both sides of its
    centre, and an instance one pixel wide is 0.

    MONAI's ``ComputeHoVerMaps`` does not round the centroid, so that an instance's centre pixel is rarely 0 there; it
    walks over the whole image once an instance.
    hover_net's code counts pixels from 1 but the centre from 0, so that its zero lies one pixel above and left of the
    rounded centroid; here it lies on it.

    Args:
        instances: HW integer ids, 0 background; an id's pixels need not touch.

    Returns:
        2HW float32 in [-1, 1]: horizontal (x), vertical (y); 0 in the background.
    """
    maps = np.zeros((2, *instances.shape), dtype=np.float32)
    inside = np.flatnonzero(instances)
    if not len(inside):
        return maps
    ids = instances.ravel()[inside].astype(np.intp)
    if ids.max() > instances.size:  # the tables below have a row an id
        ids = np.unique(ids, return_inverse=True)[1]
    areas = np.bincount(ids)
    rows = inside // instances.shape[1]
    for values, positions in zip(maps.reshape(2, -1), (inside - rows * instances.shape[1], rows), strict=True):
        sums = np.bincount(ids, weights=positions).astype(np.intp)
        centres = (2 * sums + areas) // np.maximum(2 * areas, 1)
        offsets = positions - centres.take(ids)
        smallest, largest = np.zeros_like(areas), np.zeros_like(areas)
        np.minimum.at(smallest, ids, offsets)
        np.maximum.at(largest, ids, offsets)
        extents = np.where(offsets < 0, -smallest.take(ids), largest.take(ids))
        values[inside] = offsets / np.maximum(extents, 1)
    return maps


class HoVerTargetsd(MapTransform):
    """The targets of HoVer-Net's branches from the instances of a whole, augmented patch.

    An id in several pieces (torn by a crop, repeated by mirroring at the border) first becomes an instance a piece;
    pieces that touch only at a corner are apart, as in hover_net. Offsets are computed on the whole patch, so a
    nucleus cut by the output's edge keeps its true centre, and the middle of the patch is cut out. Of an instance
    with less than ``min_size`` pixels left there the offsets are 0, while it stays a nucleus in the label; MONAI's
    ``ComputeHoVerMaps`` knows neither rule.

    Args:
        keys: key of the instances, 1HW whole numbers, 0 background; a single one.
        output_size: edge of the targets in pixels: what the network puts out (164 for "fast", 80 for "original").
        types_key: key of the cell types, 1HW whole numbers, 0 background, < ``num_types``.
        num_types: C, cell types with the background, the network's ``out_classes``; 0: no types.
        hover_key: receives the offsets.
        type_key: receives the types.
        min_size: smallest instance in pixels of the output that has offsets.
        allow_missing_keys: leave an item without instances as it is, and one without types untyped.

    Raises:
        ValueError: for more than one key, ``output_size`` < 1, or a ``num_types`` that is 1, below 0 or without
            ``types_key``.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_size: int,
        types_key: str | None = None,
        num_types: int = 0,
        hover_key: str = "hover_map",
        type_key: str = "type_map",
        min_size: int = 30,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must be a single key, got {self.keys}.")
        if output_size < 1:
            raise ValueError(f"output_size must be >= 1, got {output_size}.")
        if num_types < 0 or num_types == 1:
            raise ValueError(f"num_types must be 0 or >= 2, got {num_types}.")
        if num_types and types_key is None:
            raise ValueError(f"types_key must be given where num_types is {num_types}, got None.")
        self.output_size = output_size
        self.types_key = types_key
        self.num_types = num_types
        self.hover_key = hover_key
        self.type_key = type_key
        self.min_size = min_size

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item with the instances of a patch, at least ``output_size`` high and wide.

        Returns:
            the item with, in place of the instances, one-hot 2hw float32 (background, nuclei), offsets 2hw float32
            and, where typed, one-hot Chw float32; h = w = ``output_size``.

        Raises:
            ValueError: when a map is too small, is not 1HW whole numbers >= 0, or holds a type >= ``num_types``.
        """
        item = dict(data)
        for key in self.key_iterator(item):
            instances = np.asarray(connected_components(self._whole_numbers(item, key), connectivity=1))
            middle = self._crop(instances)
            offsets = self._crop(hover_maps(instances))
            tiny = np.bincount(middle.ravel()) < self.min_size
            offsets[:, tiny[middle]] = 0
            item[key] = _one_hot(middle > 0, 2)
            item[self.hover_key] = torch.from_numpy(np.ascontiguousarray(offsets))
            if self.num_types and not (self.allow_missing_keys and self.types_key not in item):
                types = self._crop(self._whole_numbers(item, self.types_key))
                if types.max() >= self.num_types:
                    raise ValueError(f"{self.types_key} must hold types < {self.num_types}, got {types.max()}.")
                item[self.type_key] = _one_hot(types, self.num_types)
        return item

    def _whole_numbers(self, item: Mapping[Hashable, Any], key: Hashable) -> np.ndarray:
        values = convert_data_type(item[key], np.ndarray)[0]
        if values.ndim != 3 or len(values) != 1 or min(values.shape[1:]) < self.output_size:
            raise ValueError(f"{key} must be 1HW, H and W >= {self.output_size}, got {values.shape}.")
        numbers = values[0].astype(np.int64)
        if (numbers < 0).any() or (numbers != values[0]).any():
            raise ValueError(f"{key} must hold whole numbers >= 0; interpolate it by nearest neighbour.")
        return numbers

    def _crop(self, values: np.ndarray) -> np.ndarray:
        top, left = ((edge - self.output_size) // 2 for edge in values.shape[-2:])
        return values[..., top : top + self.output_size, left : left + self.output_size]


def _one_hot(values: np.ndarray, channels: int) -> torch.Tensor:
    return torch.from_numpy((values == np.arange(channels)[:, None, None]).astype(np.float32))
