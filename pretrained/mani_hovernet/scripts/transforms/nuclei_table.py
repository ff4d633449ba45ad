"""A table of nuclei, one row each, in time linear in pixels plus nuclei."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from .nuclei_shapes import Runs, shapes

_LEAST = 1e-6  # scores keep this distance from 0 and 1, whose logits are infinite


def nuclei_table(
    instances: ArrayLike,
    probability: ArrayLike | None = None,
    type_probability: ArrayLike | None = None,
    threshold: float = 0.5,
    temperature: float | None = None,
    bias: float = 0.0,
) -> dict[str, NDArray]:
    """Measures every nucleus.

    ====================================  ==========================================================================
    column                                content
    ====================================  ==========================================================================
    id                                    as in the map, ascending
    centroid_row, centroid_column         mean of its pixels, a pixel's centre at whole numbers
    row_start, column_start,              bounding box in pixels, stops excluded
    row_stop, column_stop
    area                                  pixels
    perimeter                             pixels, as scikit-image
    eccentricity                          of the ellipse of the same moments, as scikit-image
    solidity                              area over area of the convex hull, as scikit-image
    mean_probability                      of being a nucleus, over its pixels
    certainty                             mean_probability, calibrated: the share of such nuclei that are right
    probability_margin                    how far the threshold may rise before more than a tenth of its pixels is
                                          lost: their 10th percentile of the probability minus ``threshold``
    type                                  the class most of its pixels have, class 0 (background) only where all have
                                          that; the lowest among equals: MONAI's rule
    type_share                            share of its pixels that have this class
    ====================================  ==========================================================================

    Args:
        instances: HW integer ids, 0 background.
        probability: HW in 0..1, of nuclei; without it there are no columns mean_probability and probability_margin.
        type_probability: CHW scores of classes, class 0 background; without it there are no columns type and
            type_share.
        threshold: of the probability, at which a pixel became nucleus.
        temperature: of the calibration; without it there is no column certainty.
        bias: of the calibration, likewise.

    Returns:
        Columns of equal length by name, a row for every id that occurs.

    Raises:
        ValueError: on maps that do not fit each other.
    """
    instances = np.asarray(instances)
    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise ValueError(f"instances must be HW integers, got {instances.dtype} of shape {instances.shape}.")
    runs = Runs.of(instances)
    table = {"id": runs.ids, **shapes(instances, runs)}
    if probability is None and type_probability is None:
        return table
    pixels, index = np.flatnonzero(instances), np.repeat(runs.index, runs.lengths)
    if probability is not None:
        (values,) = _taken("probability", np.asarray(probability)[None], instances.shape, pixels)
        table["mean_probability"] = np.bincount(index, values, len(runs.ids)) / table["area"]
        if temperature is not None:
            table["certainty"] = calibrated(table["mean_probability"], temperature, bias)
        table["probability_margin"] = _tenth_percentile(index, values, table["area"]) - threshold
    if type_probability is not None:
        scores = _taken("type_probability", np.asarray(type_probability), instances.shape, pixels)
        table["type"], table["type_share"] = _types(index, scores, table["area"])
    return table


def score_logits(scores: ArrayLike) -> NDArray[np.float64]:
    """Logits of scores, all of them finite: scores keep a distance of a millionth from 0 and 1.

    Args:
        scores: N in 0..1.
    """
    return logit(np.clip(np.asarray(scores, np.float64), _LEAST, 1 - _LEAST))


def calibrated(scores: ArrayLike, temperature: float, bias: float = 0.0) -> NDArray[np.float64]:
    """Scores whose logits are divided by a temperature (Guo et al. 2017), plus a bias (Platt 1999).

    Args:
        scores: N in 0..1.
        temperature: above 0; above 1 it makes scores less certain.
        bias: added to the divided logits; below 0 it makes nuclei less certain.
    """
    return expit(score_logits(scores) / temperature + bias)


def _taken(name: str, maps: NDArray, shape: tuple[int, int], pixels: NDArray[np.int64]) -> Iterator[NDArray]:
    """The maps' values at the pixels, map by map."""
    if maps.ndim != 3 or maps.shape[1:] != shape or not len(maps):
        raise ValueError(f"{name} must have instances' height and width {shape}, got {maps.shape[1:]}.")
    return (plane.ravel()[pixels] for plane in maps)


def _tenth_percentile(index: NDArray[np.int64], values: NDArray, area: NDArray[np.int64]) -> NDArray[np.float64]:
    """10th percentile of every instance's values in 0..1, the nearest below, rounded down to 16 bits.

    A radix selection: the histograms of four bits after another say in which of 16 bins the wanted value lies.
    """
    values = (np.clip(values, 0, 1) * 65535).astype(np.uint16)
    rank, found = (area - 1) // 10, np.zeros(len(area), dtype=np.int64)
    for shift in (12, 8, 4, 0):
        level = (values >> np.uint16(shift)) & np.uint16(15)
        counts = np.bincount(index * 16 + level, minlength=16 * len(area)).reshape(-1, 16).cumsum(axis=1)
        chosen = (counts <= rank[:, None]).sum(axis=1)
        rank -= np.where(chosen > 0, counts[np.arange(len(area)), chosen - 1], 0)
        found += chosen << shift
        kept = level == chosen.astype(np.uint16)[index]
        index, values = index[kept], values[kept]
    return found / 65535


def _types(
    index: NDArray[np.int64], scores: Iterator[NDArray], area: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Class of most pixels of each instance, and its share of the pixels."""
    best, kind, classes = next(scores), np.zeros(len(index), dtype=np.uint8), 1
    for score in scores:
        kind = np.where(score > best, np.uint8(classes), kind)
        best = np.maximum(best, score)
        classes += 1
    counts = np.bincount(index * classes + kind, minlength=len(area) * classes).reshape(-1, classes)
    chosen = np.zeros(len(area), dtype=np.int64)
    if classes > 1:
        chosen = np.where(counts[:, 1:].any(axis=1), counts[:, 1:].argmax(axis=1) + 1, 0)
    return chosen, counts[np.arange(len(area)), chosen] / area
