"""Whether a nucleus's score is the share of such nuclei that are right, and two numbers that make it so."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from mani_monai.metrics.overlap_table import InstanceMap, compute_overlap_table
from mani_monai.metrics.panoptic_counts import MATCH_IOU
from mani_monai.transforms.nuclei_table import score_logits
from mani_monai.utils import InputError

EDGES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
_COLDEST, _HOTTEST, _FARTHEST = 0.05, 100.0, 50.0


def matched_nuclei(prediction: InstanceMap, label: InstanceMap) -> NDArray[np.bool_]:
    """Which predicted nuclei are right: those with an IoU above 0.5 with a nucleus of the label.

    Args:
        prediction: HW ids, 0 background.
        label: HW ids, likewise.

    Returns:
        one value a predicted nucleus, by ascending id, as the rows of ``nuclei_table``.
    """
    table = compute_overlap_table(prediction, label)
    matched = np.zeros(len(table.prediction_ids), bool)
    matched[table.prediction_index[table.iou > MATCH_IOU]] = True
    return matched[np.argsort(table.prediction_ids)]


def fit_calibration(scores: ArrayLike, matched: ArrayLike) -> tuple[float, float]:
    """The temperature and the bias with the highest likelihood of what was right (Platt 1999).

    A mask's mean probability is hardly below its threshold, .5, also where a nucleus is wrong. So a temperature alone,
    which leaves .5 as it is, cannot say that such nuclei are mostly wrong.

    Args:
        scores: N in 0..1, such as "mean_probability" of ``nuclei_table``.
        matched: N, whether each nucleus is right, or how likely that is.

    Raises:
        InputError: without nuclei, or where all are right or all are wrong: nothing fits those best.
    """
    values = score_logits(scores)
    right = np.asarray(matched, np.float64)
    if not right.any() or (right == 1).all():
        found = f"{right.sum():g} of {len(right)} nuclei are right, and certainty is learned from right and wrong ones"
        raise InputError(f"calibration: {found}; take more labelled images.")

    def cost(parameters: NDArray[np.float64]) -> float:
        slope, bias = parameters
        logits = values * slope + bias
        return float((right * np.logaddexp(0, -logits) + (1 - right) * np.logaddexp(0, logits)).mean())

    bounds = ((1 / _HOTTEST, 1 / _COLDEST), (-_FARTHEST, _FARTHEST))
    best = cast("Any", minimize(cost, (1.0, 0.0), bounds=bounds, method="L-BFGS-B"))
    return float(1 / best.x[0]), float(best.x[1])


def reliability(scores: ArrayLike, matched: ArrayLike, edges: Sequence[float] = EDGES) -> list[dict[str, float]]:
    """How many nuclei of each score are right.

    Args:
        scores: N in 0..1.
        matched: N, whether each nucleus is right.
        edges: of the intervals of the score, ascending; the last one holds its upper edge, too.

    Returns:
        a row an interval that has nuclei: "from", "to", "nuclei", their mean "score" and the share "right".
    """
    values, right = np.asarray(scores, np.float64), np.asarray(matched, bool)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, -1, len(edges) - 2)
    place[values > edges[-1]] = -1
    rows = []
    for number, (low, high) in enumerate(pairwise(edges)):
        inside = place == number
        if inside.any():
            means = {"score": float(values[inside].mean()), "right": float(right[inside].mean())}
            rows.append({"from": low, "to": high, "nuclei": int(inside.sum()), **means})
    return rows


def calibration_error(rows: Sequence[dict[str, float]]) -> float:
    """Mean distance of score and share of right nuclei, weighted by nuclei: the expected calibration error.

    Args:
        rows: of :func:`reliability`.
    """
    nuclei = np.array([row["nuclei"] for row in rows])
    return float(np.average([abs(row["score"] - row["right"]) for row in rows], weights=nuclei))
