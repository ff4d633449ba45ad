"""Shapes of all instances of a map at once, from the runs of their rows; scikit-image's definitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# scikit-image's weights of an outline's pixel, by 1 + 2 x its outline's neighbours across an edge + 10 x diagonal ones
_PERIMETER_WEIGHTS = np.zeros(50)
_PERIMETER_WEIGHTS[[5, 7, 15, 17, 25, 27]] = 1
_PERIMETER_WEIGHTS[[21, 33]] = np.sqrt(2)
_PERIMETER_WEIGHTS[[13, 23]] = (1 + np.sqrt(2)) / 2

_BAND = 256  # rows at a time: they stay in the processor's cache


@dataclass(frozen=True)
class Runs:
    """The rows of all instances, cut into runs of one id, in raster order.

    Attributes:
        ids: K ids that occur, ascending, without 0.
        index: position in ``ids`` of each run.
        row: its row.
        first: its first column.
        last: its last column.
    """

    ids: NDArray
    index: NDArray[np.int64]
    row: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def of(cls, instances: NDArray) -> Runs:
        """Cuts HW ids into runs; background is left out."""
        width = instances.shape[1]
        begins = np.ones(instances.shape, dtype=bool)
        np.not_equal(instances[:, 1:], instances[:, :-1], out=begins[:, 1:])
        start = np.flatnonzero(begins)
        stop = np.append(start, instances.size)[1:]
        owner = instances.ravel()[start]
        kept = owner != 0
        start, stop, owner = start[kept], stop[kept], owner[kept]
        ids, index = np.unique(owner, return_inverse=True)
        row, first = np.divmod(start, width)
        return cls(ids, index, row, first, first + (stop - start) - 1)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Pixels of each run."""
        return self.last - self.first + 1

    def total(self, values: NDArray) -> NDArray[np.float64]:
        """K sums over each instance's runs."""
        return np.asarray(np.bincount(self.index, values, len(self.ids)), np.float64)


def shapes(instances: NDArray, runs: Runs) -> dict[str, NDArray]:
    """Place and shape of every instance.

    All equal scikit-image's ``regionprops``, solidity as well: the pixels of an instance over those whose centre its
    convex hull holds, the hull drawn around the middles of its pixels' edges.

    Args:
        instances: HW ids, 0 background.
        runs: their rows.

    Returns:
        K values a column: centroid_row, centroid_column, row_start, column_start, row_stop, column_stop (the bounding
        box, stops excluded), area, perimeter, eccentricity, solidity; pixels.
    """
    area = runs.total(runs.lengths)
    middle = (runs.first + runs.last) / 2
    row, column = runs.total(runs.lengths * runs.row) / area, runs.total(runs.lengths * middle) / area
    extremes = _row_extremes(runs)
    start = np.flatnonzero(np.diff(extremes.index, prepend=-1))  # of each instance's rows, which ascend
    stop = np.append(start, len(extremes.index))[1:]
    return {
        "centroid_row": row,
        "centroid_column": column,
        "row_start": extremes.row[start],
        "column_start": np.minimum.reduceat(extremes.first, start) if len(start) else start,
        "row_stop": extremes.row[stop - 1] + 1,
        "column_stop": np.maximum.reduceat(extremes.last, start) + 1 if len(start) else start,
        "area": area.astype(np.int64),
        "perimeter": _perimeter(instances, runs.ids),
        "eccentricity": _eccentricity(runs, area, row, column),
        "solidity": area / _convex_areas(extremes.index, extremes.row, extremes.first, extremes.last),
    }


def _eccentricity(runs: Runs, area: NDArray, row: NDArray, column: NDArray) -> NDArray[np.float64]:
    """Of the ellipse with the same second central moments; 0 for a single pixel."""
    rows, columns = runs.row - row[runs.index], (runs.first + runs.last) / 2 - column[runs.index]
    spread = (runs.lengths.astype(np.float64) ** 2 - 1) / 12  # of a run around its middle
    row_row = runs.total(runs.lengths * rows**2) / area
    column_column = runs.total(runs.lengths * (columns**2 + spread)) / area
    mixed = runs.total(runs.lengths * rows * columns) / area
    half = (row_row + column_column) / 2
    root = np.hypot((row_row - column_column) / 2, mixed)
    return np.sqrt(1 - np.clip(half - root, 0, None) / np.where(half > 0, half + root, 1)) * (half > 0)


def _perimeter(instances: NDArray, ids: NDArray) -> NDArray[np.float64]:
    """Length of the line through the middles of the outline's pixels, those with an edge to another id."""
    owners, weights = [np.zeros(0, instances.dtype)], [np.zeros(0)]
    for top in range(0, len(instances), _BAND):
        above = max(top - 2, 0)  # a pixel counts neighbours, which are of the outline by theirs
        band = np.pad(instances[above : top + _BAND + 2], 1)
        inside, outline = band[1:-1, 1:-1], np.zeros(band.shape, dtype=bool)
        for other in (band[:-2, 1:-1], band[2:, 1:-1], band[1:-1, :-2], band[1:-1, 2:]):
            outline[1:-1, 1:-1] |= inside != other
        outline &= band != 0
        band *= outline
        flat, width = band.ravel(), band.shape[1]
        first = (top - above + 1) * width
        at = first + np.flatnonzero(outline.ravel()[first : first + _BAND * width])
        own = flat[at]
        code = np.ones(len(at), dtype=np.int8)
        for neighbour, step in ((2, 1), (2, width), (10, width - 1), (10, width + 1)):
            code += neighbour * ((flat[at - step] == own).view(np.int8) + (flat[at + step] == own).view(np.int8))
        owners.append(own)
        weights.append(_PERIMETER_WEIGHTS[code])
    sums = np.bincount(np.searchsorted(ids, np.concatenate(owners)), np.concatenate(weights), len(ids))
    return np.asarray(sums, np.float64)


def _row_extremes(runs: Runs) -> Runs:
    """One run from the first to the last column for every row of every instance, sorted by instance, then row."""
    order = np.argsort(runs.index, kind="stable")
    index, row = runs.index[order], runs.row[order]
    change = np.ones(len(order), dtype=bool)
    change[1:] = (index[1:] != index[:-1]) | (row[1:] != row[:-1])
    start = np.flatnonzero(change)
    stop = np.append(start, len(order))[1:]
    return Runs(runs.ids, index[start], row[start], runs.first[order[start]], runs.last[order[stop - 1]])


def _convex_areas(
    index: NDArray[np.int64], row: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Pixels whose centre lies in the convex hull of the middles of an instance's pixel edges, its rim included.

    That is the sum of scikit-image's ``convex_hull_image``.

    Args:
        index: instance 0..K-1 of every row that an instance has pixels in, ascending.
        row: that row, ascending within an instance.
        first: the instance's first column in it.
        last: the instance's last column in it.

    Returns:
        K areas in pixels.
    """
    owner, begin = _begins(index, row, first)
    _, end = _begins(index, row, -last)
    return np.bincount(owner, 1 - end - begin).astype(np.int64)


def _begins(
    index: NDArray[np.int64], row: NDArray[np.int64], first: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Instance and first column of the hull in each row from an instance's first to its last.

    In half pixels, so that all is whole: a pixel's left edge has its middle at (2 column - 1, 2 row), its upper and
    lower ones at (2 column, 2 row -+ 1).
    """
    y = (2 * row[:, None] + (-1, 0, 1)).ravel()
    x = (2 * first[:, None] + (0, -1, 0)).ravel()
    index, y, x = _left_chain(np.repeat(index, 3), y, x)

    top = np.flatnonzero(np.diff(index, prepend=-1))
    bottom = np.append(top, len(index))[1:] - 1
    rows = (y[bottom] - y[top]) // 2
    owner = np.repeat(np.arange(len(top)), rows)
    height = 2 * (np.arange(len(owner)) - np.repeat(np.cumsum(rows) - rows, rows)) + 1  # below the top
    stride = height.max(initial=0) + 2
    after = np.searchsorted(index * stride + y - y[top][index], owner * stride + height, side="right")
    before = after - 1
    run, rise = x[after] - x[before], y[after] - y[before]
    doubled = x[before] * rise + (height + y[top][owner] - y[before]) * run
    return owner, -(-doubled // (2 * rise))


def _left_chain(
    index: NDArray[np.int64], y: NDArray[np.int64], x: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The corners of the left side of each instance's hull, among points sorted by instance, then y.

    A point at or beyond the line between two others is no corner, whichever others they are; so all points at or
    beyond the line between their neighbours go at once, and again, until an instance loses none.
    """
    start = np.flatnonzero((np.diff(index, prepend=-1) != 0) | (np.diff(y, prepend=-1) != 0))
    x = np.minimum.reduceat(x, start) if len(start) else x
    points = np.stack([index[start], y[start], x])
    done = []
    while points.size:
        index, y, x = points
        rise, run = np.diff(y), np.diff(x)
        dropped = np.zeros(len(index), dtype=bool)
        dropped[1:-1] = (index[2:] == index[:-2]) & (run[:-1] * rise[1:] >= run[1:] * rise[:-1])
        busy = np.zeros(index[-1] + 1, dtype=bool)
        busy[index[dropped]] = True
        done.append(points[:, ~busy[index]])
        points = points[:, busy[index] & ~dropped]
    index, y, x = np.concatenate(done, axis=1) if done else points
    order = np.argsort(index, kind="stable")
    return index[order], y[order], x[order]
