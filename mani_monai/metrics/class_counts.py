"""Panoptic counts of each type of nucleus."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .overlap_table import InstanceMap, as_instance_map, compute_overlap_table
from .panoptic_counts import MATCH_IOU, PanopticCounts

Types = InstanceMap | Mapping[int, int]


def compute_class_counts(
    prediction: InstanceMap, prediction_types: Types, label: InstanceMap, label_types: Types, num_classes: int
) -> PanopticCounts:
    """Counts of one image class by class, as if each class were an image of its own.

    A nucleus has one type. In a map of types it is the one of most of its pixels, background aside; a nucleus without
    a typed pixel belongs to no class.

    Args:
        prediction: HxW ids, 0 is background.
        prediction_types: HxW types, or the type of each id; 1 to ``num_classes``, 0 is none.
        label: HxW ids, likewise.
        label_types: HxW types, or the type of each id.
        num_classes: C, background not counted.

    Returns:
        four arrays of C.

    Raises:
        ValueError: when a map is not HxW of integers >= 0, shapes differ, a type is above ``num_classes`` or an id has
            none.
    """
    table = compute_overlap_table(prediction, label)
    predicted = _types(prediction, prediction_types, table.prediction_ids, num_classes, "prediction_types")
    true = _types(label, label_types, table.label_ids, num_classes, "label_types")
    iou = table.iou
    matched = (iou > MATCH_IOU) & (predicted[table.prediction_index] == true[table.label_index])
    pairs = true[table.label_index[matched]]

    def count(types: NDArray[np.int64], weights: NDArray[np.float64] | None = None) -> NDArray[np.number]:
        return np.bincount(types, weights, minlength=num_classes + 1)[1:]

    tp = count(pairs)
    return PanopticCounts(tp, count(predicted) - tp, count(true) - tp, count(pairs, iou[matched]))


def _types(
    instances: InstanceMap, types: Types, ids: NDArray[np.integer], num_classes: int, name: str
) -> NDArray[np.int64]:
    """The type of each id; the ids are those of a table, in its order."""
    if isinstance(types, Mapping):
        missing = [int(i) for i in ids if int(i) not in types]
        if missing:
            raise ValueError(f"{name} must hold a type for every id, got none for {missing[:5]}.")
        found = np.array([types[int(i)] for i in ids], np.int64)
        _check_types(found, num_classes, name)
    else:
        regions = as_instance_map(types, name)
        if regions.shape != tuple(instances.shape):
            raise ValueError(f"{name} must be of the instances' shape {(*instances.shape,)}, got {regions.shape}.")
        _check_types(regions, num_classes, name)
        shares = compute_overlap_table(regions, instances)  # a type is a region like another
        best = shares.best_of_each_label(shares.intersection)
        found = np.zeros(len(ids), np.int64)
        found[shares.label_index[best]] = shares.prediction_ids[shares.prediction_index[best]]
    return found


def _check_types(types: NDArray[np.integer], num_classes: int, name: str) -> None:
    if types.size and not 0 <= types.min() <= types.max() <= num_classes:
        raise ValueError(f"{name} must be 0 to {num_classes}, got {types.min()} to {types.max()}.")
