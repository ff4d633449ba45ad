"""Areas of the convex hulls of many instances at once, in whole numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def convex_areas(
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
