"""From a map of nuclei's probability to single nuclei, in time linear in pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from .capped_distance import capped_distance
from .holes import filled
from .nucleus import THRESHOLD, least_area, without_small

_PIXELS = 1 << 15  # that are worked on together, so that they stay in the processor's cache


@dataclass(frozen=True)
class PartingRule:
    """What parts nuclei; lengths in pixels.

    Attributes:
        depth: by how much the neck between two nuclei is less deep than either of them.
        share: the same where the network tells distances, as shares of the largest in a nucleus.
        blur: sigma of the Gaussian that smooths the depth.
        hole: edge of the box around the largest hole that is filled.
        cap: from which depth on a nucleus is as deep as any.
    """

    depth: float = 0.75
    share: float = 0.05
    blur: float = 1.5
    hole: int = 8
    cap: int = 24

    @property
    def blur_radius(self) -> int:
        """Half the width of the Gaussian's kernel."""
        return round(3 * self.blur + 0.5)

    @property
    def reach(self) -> int:
        """Pixels around a nucleus that decide about it."""
        return self.hole + self.cap + self.blur_radius + 2


RULE = PartingRule()
"""The project's own: chosen by panoptic quality on CoNSeP and TNBC, ``studies/results/parting.md``, and the share in
``studies/results/heads.md``."""

REACH = RULE.reach

_STEPS = ((0, 0), (-1, 0), (0, -1), (0, 1), (1, 0))
"""Rows and columns to a pixel itself and to its neighbours, in raster order."""


def part_nuclei(
    probability: ArrayLike,
    min_size: int | None = None,
    rule: PartingRule = RULE,
    contour: NDArray[np.bool_] | None = None,
    distance: NDArray[np.float32] | None = None,
) -> NDArray[np.int32]:
    """Single nuclei from the probability of nuclei alone: touching nuclei are parted at their necks.

    A pixel's depth is its blurred distance to the background; before the blur, that of a contour is 0. Every pixel
    climbs to a peak. Then basins are joined, the deepest neck first. Two stay apart where both are deeper than their
    neck by the rule's ``depth``. This is the watershed from the h-maxima of the depth.

    Nothing is measured over the whole map, and ties are broken by position. So windows of a map give the map's own
    nuclei, exactly. A window's edge that is not the map's own is a cut:

    - A nucleus of a window is one of the map, pixel by pixel, if it keeps ``REACH`` pixels from every cut.
    - A nucleus of the map that a window lacks is part of a nucleus there that comes closer to a cut.

    Args:
        probability: HW, of nuclei, in 0..1.
        min_size: pixels of the smallest nucleus; :func:`scripts.transforms.nucleus.least_area` by default.
        rule: at which necks nuclei are parted. ``REACH`` is that of the default.
        contour: HW, where a nucleus ends, in a pixel of the mask; None where nothing is known of it.
        distance: HW in 0..1, to a nucleus's border as a share of its largest. It takes the place of the smoothed depth;
            None where nothing is known of it.

    Returns:
        HW ids 1..N in the raster order of their peaks, 0 background. Pixels of one nucleus are connected by edges.

    Raises:
        ValueError: when the map is not HW or not finite, or the contour or the distance has another shape.
    """
    probability = np.asanyarray(probability)
    if probability.ndim != 2:
        raise ValueError(f"probability must be HW, got shape {probability.shape}.")
    if not np.isfinite([probability.min(initial=0), probability.max(initial=0)]).all():
        raise ValueError("probability must be finite, got NaN or infinity.")
    for name, known in {"contour": contour, "distance": distance}.items():
        if known is not None and known.shape != probability.shape:
            raise ValueError(f"{name} must have the shape {probability.shape}, got {known.shape}.")
    mask = filled(probability > THRESHOLD, rule.hole)
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    if distance is None:
        depth, least = capped_distance(mask, rule.cap), rule.depth
        if contour is not None:
            depth[contour] = 0
        depth = ndimage.gaussian_filter(depth, rule.blur, mode="nearest", radius=rule.blur_radius)
    else:
        depth, least = distance, rule.share
    basins = _Basins.of(mask, np.asarray(depth, np.float32))
    nuclei = _joined(basins, least)
    nucleus = nuclei[basins.number]
    instances = np.zeros(mask.shape, np.int32)
    instances[mask] = without_small(nucleus, int(nuclei.max()), least_area() if min_size is None else min_size)[0]
    return instances


@dataclass(frozen=True, eq=False)
class _Basins:
    """What climbs to the same peak of the depth, and the necks between such basins.

    Attributes:
        number: of the basin of every pixel of the mask, 0 first, in the raster order of their peaks.
        peak: depth of every basin's peak.
        sides: 2N, the basins on both sides of a neck, once a pair.
        neck: N, its depth, the deepest first.
    """

    number: NDArray[np.int32]
    peak: NDArray[np.float32]
    sides: NDArray[np.int64]
    neck: NDArray[np.float32]

    @classmethod
    def of(cls, mask: NDArray[np.bool_], depth: NDArray[np.float32]) -> _Basins:
        """Lets every pixel climb to its highest neighbour; of equally high ones the first in raster order counts."""
        padded = np.full([side + 2 for side in mask.shape], np.float32(-1))
        padded[1:-1, 1:-1][mask] = depth[mask]
        flat, width = padded.ravel(), padded.shape[1]
        pixels = np.flatnonzero(flat >= 0)
        steps = np.array([down * width + right for down, right in _STEPS])
        place, top = np.full(len(flat), -1, np.int32), np.empty(len(pixels), np.int64)
        is_peak = np.empty(len(pixels), bool)
        place[pixels] = np.arange(len(pixels), dtype=np.int32)
        for part in _parts(len(pixels)):
            here = pixels[part]
            best, way = flat[here], np.zeros(len(here), np.int8)
            for number, step in enumerate(steps[1:], start=1):
                neighbour = flat[here + step]
                higher = neighbour > best
                if step < 0:  # an equally high pixel that comes first is higher
                    higher |= (neighbour == best) & (way == 0)
                np.maximum(best, neighbour, out=best)
                way[higher] = number
            top[part], is_peak[part] = place[here + steps[way]], way == 0
        climbing = np.flatnonzero(~is_peak[top])
        while len(climbing):
            top[climbing] = higher = top[top[climbing]]
            climbing = climbing[~is_peak[higher]]

        number = (np.cumsum(is_peak, dtype=np.int32) - np.int32(1))[top]
        place[pixels] = number
        return cls(number, flat[pixels[is_peak]], *_necks(flat, place, pixels, width))


def _parts(count: int) -> Iterator[slice]:
    """Slices of a list of pixels that are worked on together."""
    return (slice(start, start + _PIXELS) for start in range(0, count, _PIXELS))


def _necks(
    depth: NDArray[np.float32], basin: NDArray[np.int32], pixels: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The deepest pair of neighbouring pixels between any two basins, the deepest first, then in raster order.

    Args:
        depth: of a map with a rim, its rows one after another.
        basin: of each pixel of it; -1 outside the mask.
        pixels: where the mask is in it.
        width: of a row.
    """
    firsts, others = [], []
    for step in (1, width):
        for part in _parts(len(pixels)):
            here = pixels[part]
            other = basin[here + step]
            first = here[(other != basin[here]) & (other >= 0)]
            firsts.append(first)
            others.append(first + step)
    first, other = np.concatenate(firsts), np.concatenate(others)
    sides = np.sort([basin[first], basin[other]], axis=0).astype(np.int64)
    necks = np.minimum(depth[first], depth[other])
    order = np.argsort(-necks, kind="stable")
    pair = sides[0] * (int(basin.max()) + 1) + sides[1]
    _, first = np.unique(pair[order], return_index=True)
    chosen = order[np.sort(first)]
    return sides[:, chosen], necks[chosen]


def _joined(basins: _Basins, least: float) -> NDArray[np.int32]:
    """The nucleus, 1..N, of every basin.

    A nucleus that has once been kept apart is deep enough to be kept apart at every later neck. That is why what a
    window does not see cannot change a nucleus inside it.
    """
    parent, peak = list(range(len(basins.peak))), basins.peak.tolist()

    def nucleus(basin: int) -> int:
        while parent[basin] != basin:
            parent[basin] = parent[parent[basin]]
            basin = parent[basin]
        return basin

    for one, other, neck in zip(*basins.sides.tolist(), basins.neck.tolist(), strict=True):
        low, high = sorted((nucleus(one), nucleus(other)), key=lambda basin: (peak[basin], -basin))
        if peak[low] < neck + least:
            parent[low] = high
    roots = np.array([nucleus(basin) for basin in range(len(parent))])
    return np.unique(roots, return_inverse=True)[1].astype(np.int32) + 1
