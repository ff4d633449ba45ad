"""Outlines of instances as polygons along the edges of their pixels, in time linear in pixels plus corners."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import label

Polygon = list[NDArray[np.int32]]  # the exterior ring, then its holes

# The four pixels at a vertex, clockwise: 0 north-west, 1 north-east, 2 south-east, 3 south-west. An outline has its
# instance to the right. By position: the directions in which it comes to and leaves a convex corner of the pixel
# there, and a concave corner where that pixel alone is not of the instance.
_EAST, _SOUTH, _WEST, _NORTH = range(4)
_CONVEX = ((_SOUTH, _WEST), (_WEST, _NORTH), (_NORTH, _EAST), (_EAST, _SOUTH))
_CONCAVE = ((_EAST, _NORTH), (_SOUTH, _EAST), (_WEST, _SOUTH), (_NORTH, _WEST))


def instance_polygons(instances: ArrayLike) -> dict[int, list[Polygon]]:
    """Outlines of every instance, exact to the pixel: filling them gives the map back.

    Pixel (row r, column c) is the square from (c, r) to (c + 1, r + 1). Pixels belong together across their edges;
    parts of an instance that touch at a corner only, or not at all, are polygons of their own. Rings are simple; a
    hole may touch its exterior or another hole at single vertices, as OGC's rules for polygons allow.

    Args:
        instances: HW integer ids, 0 background.

    Returns:
        id -> polygons -> rings, first the exterior, then its holes; ids ascend. A ring is N2 (x, y), not closed,
        without collinear points. Exteriors turn from x to y (a positive area by the shoelace formula), holes the
        other way.

    Raises:
        ValueError: when ``instances`` is not HW integers.
    """
    instances = np.asarray(instances)
    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise ValueError(f"instances must be HW integers, got {instances.dtype} of shape {instances.shape}.")
    corners = _corners(np.pad(instances, 1))
    following = corners.following
    order, starts = _walk(following)

    # Where two pixels of one instance touch at a corner, the outline keeps to the right. If both lie on one ring, that
    # part is in one piece elsewhere, and the ring would touch itself: turned left, it comes apart into two rings.
    ring = np.empty(len(order), dtype=np.int64)
    ring[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    first, second = corners.touching
    pinched = ring[first] == ring[second]
    if pinched.any():
        first, second = first[pinched], second[pinched]
        following[first], following[second] = following[second], following[first]
        order, starts = _walk(following)
    return _polygons(corners, order, starts, instances)


@dataclass(frozen=True)
class _Corners:
    """Corners of all outlines: place, instance, index of the next corner, pairs that meet diagonally in an instance."""

    x: NDArray[np.int32]
    y: NDArray[np.int32]
    ids: NDArray
    following: NDArray[np.int64]
    touching: tuple[NDArray[np.int64], NDArray[np.int64]]


def _corners(padded: NDArray) -> _Corners:
    """Finds the corners in a map that has a rim of background, and joins each to the next along its outline."""
    width = padded.shape[1] - 1
    change = padded[1:] != padded[:-1]
    vertex = np.flatnonzero(change[:, 1:] | change[:, :-1])
    y, x = np.divmod(vertex, width)
    north_west = vertex + y
    around = [padded.ravel()[north_west + step] for step in (0, 1, width + 2, width + 1)]
    same = [around[i] == around[(i + 1) % 4] for i in range(4)]

    found, ids, comes, leaves = [], [], [], []
    for i in range(4):
        after, opposite, before = (i + 1) % 4, (i + 2) % 4, (i + 3) % 4
        convex = ~same[before] & ~same[i]
        concave = ~same[i] & same[after] & same[opposite]
        for turn, owner, directions in ((convex, i, _CONVEX[i]), (concave, opposite, _CONCAVE[i])):
            at = np.flatnonzero(turn & (around[owner] != 0))
            found.append(at)
            ids.append(around[owner][at])
            comes.append(np.full(len(at), directions[0], dtype=np.int8))
            leaves.append(np.full(len(at), directions[1], dtype=np.int8))
    offsets = np.cumsum([0, *map(len, found)])
    pairs = []
    for i in (0, 1):  # convex corners of positions i and i + 2 at one vertex, of one instance
        at = np.flatnonzero((around[i] == around[i + 2]) & (around[i] != 0) & ~same[i] & ~same[i + 2])
        pairs.append([offsets[list_] + np.searchsorted(found[list_], at) for list_ in (2 * i, 2 * i + 4)])
    one, other = (np.concatenate(side) for side in zip(*pairs, strict=True))

    at, comes, leaves = np.concatenate(found), np.concatenate(comes), np.concatenate(leaves)
    x, y = x[at].astype(np.int32), y[at].astype(np.int32)
    # A pixel has one edge on each side, so parts of outlines in one direction never overlap: along their common line
    # the n-th to start is the n-th to end.
    following = np.empty(len(at), dtype=np.int64)
    by_row, by_column = np.argsort(at, kind="stable"), np.lexsort((y, x))
    for direction in (_EAST, _SOUTH, _WEST, _NORTH):
        along = by_row if direction in (_EAST, _WEST) else by_column
        following[along[leaves[along] == direction]] = along[comes[along] == direction]
    return _Corners(x, y, np.concatenate(ids), following, (one, other))


def _walk(following: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Orders the corners ring by ring; returns the order and where in it each ring starts."""
    successors, seen = following.tolist(), bytearray(len(following))
    order, starts = array("q"), array("q")
    for start in range(len(successors)):
        if seen[start]:
            continue
        starts.append(len(order))
        corner = start
        while not seen[corner]:
            seen[corner] = 1
            order.append(corner)
            corner = successors[corner]
    return np.array(order), np.array(starts)


def _polygons(
    corners: _Corners, order: NDArray[np.int64], starts: NDArray[np.int64], instances: NDArray
) -> dict[int, list[Polygon]]:
    """Sorts the rings into instances, and holes to the exterior of the part that they are in."""
    if not len(starts):
        return {}
    points = np.stack([corners.x[order], corners.y[order]], axis=1)
    onward = corners.following[order]
    area = points[:, 0].astype(np.int64) * corners.y[onward] - points[:, 1].astype(np.int64) * corners.x[onward]
    hole = np.add.reduceat(area, starts) < 0
    ids = corners.ids[order[starts]]
    rings = np.split(points, starts[1:])
    sequence = np.lexsort((starts, hole, ids)).tolist()

    polygons: dict[int, list[Polygon]] = {}
    parts = None
    for index, instance, inner in zip(sequence, ids[sequence].tolist(), hole[sequence].tolist(), strict=True):
        ring = rings[index]
        if not inner:
            polygons.setdefault(instance, []).append([ring])
            continue
        candidates = polygons[instance]
        if len(candidates) > 1:
            parts = np.asarray(label(instances, connectivity=1)) if parts is None else parts
            part = parts[_pixel_beside(ring)]
            candidates = [polygon for polygon in candidates if parts[_pixel_beside(polygon[0])] == part]
        candidates[0].append(ring)
    return polygons


def _pixel_beside(ring: NDArray[np.int32]) -> tuple[int, int]:
    """Row and column of the instance's pixel to the right of a ring's first edge."""
    (x, y), (next_x, next_y) = ring[:2].tolist()
    return y - (next_x < x or next_y < y), x - (next_x < x or next_y > y)
