"""Which nuclei of two instance maps share how many pixels: all that any instance metric needs to know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from torch import Tensor

InstanceMap = NDArray[np.integer] | Tensor


@dataclass(frozen=True, eq=False)
class OverlapTable:
    """The contingency table of a predicted and a true instance map, without background, as a list of its entries.

    Nuclei are numbered from 0 in the order in which their first pixels appear, row by row, so that nothing computed
    from a table depends on the ids. The N overlapping pairs are sorted by label, then by prediction.
    """

    label_ids: NDArray[np.integer]  # L ids, as in the map
    prediction_ids: NDArray[np.integer]  # P ids
    label_areas: NDArray[np.int64]  # L, pixels
    prediction_areas: NDArray[np.int64]  # P, pixels
    label_index: NDArray[np.int64]  # N: which label, 0..L-1
    prediction_index: NDArray[np.int64]  # N: which prediction, 0..P-1
    intersection: NDArray[np.int64]  # N, pixels, > 0

    @property
    def iou(self) -> NDArray[np.float64]:
        """N intersections over unions."""
        areas = self.label_areas[self.label_index] + self.prediction_areas[self.prediction_index]
        return self.intersection / (areas - self.intersection)

    def best_of_each_label(self, score: NDArray[np.number]) -> NDArray[np.int64]:
        """Positions of the pairs with the highest of N scores of each label that overlaps anything.

        Of equal ones, the prediction that appears first counts.
        """
        order = np.lexsort((-score, self.label_index))  # stable
        return order[np.flatnonzero(np.diff(self.label_index[order], prepend=-1))]


def compute_overlap_table(prediction: InstanceMap, label: InstanceMap) -> OverlapTable:
    """Counts the shared pixels of all pairs of nuclei, in time linear in pixels plus pairs.

    Args:
        prediction: HxW ids of any integer type, 0 is background; ids need not be contiguous nor in any order.
        label: HxW ids, likewise.

    Returns:
        the table.

    Raises:
        ValueError: when a map is not HxW of integers >= 0, or the shapes differ.
    """
    predicted, true = as_instance_map(prediction, "prediction"), as_instance_map(label, "label")
    if predicted.shape != true.shape:
        raise ValueError(f"prediction and label must be of one shape, got {predicted.shape} and {true.shape}.")
    predicted, true = predicted.ravel(), true.ravel()
    # Everything below counts runs of pixels that agree in both maps, some tens of times fewer than pixels.
    changes = np.flatnonzero((predicted[1:] != predicted[:-1]) | (true[1:] != true[:-1])) + 1
    starts = np.concatenate(([0], changes))
    lengths = np.diff(starts, prepend=0, append=predicted.size)  # the first, of no pixels, is _numbered's background
    prediction_ids, prediction_runs = _numbered(predicted[starts], "prediction")
    label_ids, label_runs = _numbered(true[starts], "label")
    table = coo_array((lengths, (label_runs, prediction_runs))).tocsr()
    label_areas, prediction_areas = table.sum(axis=1), table.sum(axis=0)

    entries = table.tocoo()
    pairs = (entries.row > 0) & (entries.col > 0)
    return OverlapTable(
        label_ids=label_ids,
        prediction_ids=prediction_ids,
        label_areas=label_areas[1:],
        prediction_areas=prediction_areas[1:],
        label_index=entries.row[pairs] - 1,
        prediction_index=entries.col[pairs] - 1,
        intersection=np.asarray(entries.data[pairs], np.int64),
    )


def as_instance_map(instances: InstanceMap, name: str) -> NDArray[np.integer]:
    """The map as an array; ``name`` is what a ValueError calls it when it is not HxW of integers."""
    array = instances.numpy(force=True) if isinstance(instances, Tensor) else np.asarray(instances)
    if array.ndim != 2 or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be an HxW map of integers, got {array.dtype} of shape {array.shape}.")
    return array


def _numbered(runs: NDArray[np.integer], name: str) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """Ids without background in order of appearance, and the number of each run's id, 0 for background.

    A run of background is put in front, so that background is always there and always number 0.
    """
    if runs.min() < 0:
        raise ValueError(f"{name} must hold ids >= 0, got {runs.min()}.")
    compact = np.min_scalar_type(runs.max())  # ids of 16 bits are sorted in linear time
    ids, first, index = np.unique(
        np.concatenate((np.zeros(1, compact), runs.astype(compact))), return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    return ids[order][1:], number[index]
