"""The aggregated Jaccard index (Kumar et al. 2017), and AJI+, its one-to-one form in hover_net."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .arithmetic import ratio
from .overlap_table import OverlapTable

TIE = 1e-13  # IoU a pixel: above the rounding of a sum of IoUs, below any difference that is not one


def compute_aji(table: OverlapTable) -> float:
    """Aggregated Jaccard index: every label takes the prediction of highest IoU, which may serve several.

    Shared pixels of these pairs, over the pixels of their unions, of labels without a prediction and of predictions
    that no label took. Not symmetric. Of two predictions with the same IoU the label takes the one that appears
    first, as hover_net does where ids are numbered in that order.

    Args:
        table: overlaps of prediction and label.

    Returns:
        0 to 1; 0 where one map is empty; nan where both are.
    """
    best = table.best_of_each_label(table.iou)
    intersection, taken = table.intersection[best].sum(), table.prediction_index[best]
    left = np.delete(table.prediction_areas, taken).sum()
    union = table.label_areas.sum() + table.prediction_areas[taken].sum() - intersection + left
    return float(ratio(intersection, union))


def compute_aji_plus(table: OverlapTable) -> float:
    """AJI with each prediction used once: pairs maximise the sum of their IoUs.

    Since pairs are one to one, the union is all pixels of both maps less the shared ones. Of assignments with the
    same sum of IoUs the one that shares most pixels counts, so that the value is unique, and symmetric.

    Args:
        table: overlaps of prediction and label.

    Returns:
        0 to 1; 0 where one map is empty; nan where both are.
    """
    intersection = _assigned_intersection(table)
    return float(ratio(intersection, table.label_areas.sum() + table.prediction_areas.sum() - intersection))


def _assigned_intersection(table: OverlapTable) -> int:
    """Pixels shared by the best one-to-one pairs.

    Nuclei that no chain of overlaps connects cannot compete, so that each connected component of the graph of
    overlaps is an assignment problem of a few nuclei, where the whole would be cubic in all of them.
    """
    labels, predictions = len(table.label_areas), len(table.prediction_areas)
    nodes = labels + predictions
    ones = np.ones(len(table.intersection), np.int8)
    graph = coo_array((ones, (table.label_index, table.prediction_index + labels)), shape=(nodes, nodes))
    count, component = connected_components(graph, directed=False)
    row, rows = _places(component[:labels], count)
    column, columns = _places(component[labels:], count)

    of_pair = component[table.label_index]
    pairs = np.bincount(of_pair, minlength=count)
    total = table.intersection[pairs[of_pair] == 1].sum()
    order = np.argsort(of_pair, kind="stable")
    ends = np.cumsum(pairs)
    weight = table.iou + TIE * table.intersection
    for i in np.flatnonzero(pairs > 1):
        members = order[ends[i] - pairs[i] : ends[i]]
        place = row[table.label_index[members]], column[table.prediction_index[members]]
        weights, shared = np.zeros((rows[i], columns[i])), np.zeros((rows[i], columns[i]), np.int64)
        weights[place], shared[place] = weight[members], table.intersection[members]
        total += shared[linear_sum_assignment(weights, maximize=True)].sum()
    return int(total)


def _places(component: NDArray[np.integer], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place of each node among those of its component, and how many nodes each of ``count`` components has."""
    sizes = np.bincount(component, minlength=count)
    order = np.argsort(component, kind="stable")
    places = np.empty(len(component), np.int64)
    places[order] = np.arange(len(component)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return places, sizes
