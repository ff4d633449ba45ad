"""AJI and AJI+ by hand, and against exact fractions over every assignment there is."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from mani_monai.metrics import compute_aji, compute_aji_plus, compute_overlap_table


def regions(instances) -> list[set[int]]:
    """Pixels of each nucleus, in the order in which the nuclei appear."""
    flat = instances.ravel().tolist()
    return [{k for k, other in enumerate(flat) if other == i} for i in dict.fromkeys(flat) if i]


def slow_aji(prediction, label) -> Fraction | None:
    """AJI as it is defined, with exact fractions; None where both maps are empty."""
    predictions, labels = regions(prediction), regions(label)
    shared, union, taken = 0, 0, set()
    for true in labels:
        ious = [Fraction(len(true & other), len(true | other)) for other in predictions]
        if not any(ious):
            union += len(true)
            continue
        best = ious.index(max(ious))
        taken.add(best)
        shared += len(true & predictions[best])
        union += len(true | predictions[best])
    union += sum(len(other) for i, other in enumerate(predictions) if i not in taken)
    return Fraction(shared, union) if union else None


def slow_aji_plus(prediction, label) -> Fraction | None:
    """AJI+ as it is defined, with exact fractions, of all assignments."""
    few, many = sorted((regions(prediction), regions(label)), key=len)
    candidates = []
    for order in permutations(range(len(many)), len(few)):
        pairs = [(one, many[i]) for one, i in zip(few, order, strict=True) if one & many[i]]
        shared = sum(len(a & b) for a, b in pairs)
        ious = sum(Fraction(len(a & b), len(a | b)) for a, b in pairs)
        rest = sum(map(len, few + many)) - sum(len(a) + len(b) for a, b in pairs)
        candidates.append((ious, shared, sum(len(a | b) for a, b in pairs) + rest))
    _, shared, union = max(candidates)
    return Fraction(shared, union) if union else None


@pytest.mark.parametrize("seed", range(60))
def test_equal_the_definitions(seed, noise):
    prediction, label = noise(seed)
    table = compute_overlap_table(prediction, label)
    for value, expected in [
        (compute_aji(table), slow_aji(prediction, label)),
        (compute_aji_plus(table), slow_aji_plus(prediction, label)),
    ]:
        assert value == pytest.approx(np.nan if expected is None else float(expected), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("kind", ["noise", "tissue"])
@pytest.mark.parametrize("seed", range(5))
def test_component_by_component_is_the_whole_assignment(kind, seed, request):
    sizes = {"noise": {"size": 60, "nuclei": 40}, "tissue": {"size": 120, "nuclei": 60}}
    table = compute_overlap_table(*request.getfixturevalue(kind)(seed, **sizes[kind]))
    shape = len(table.label_areas), len(table.prediction_areas)
    ious, shared = np.zeros(shape), np.zeros(shape, int)
    ious[table.label_index, table.prediction_index] = table.iou
    shared[table.label_index, table.prediction_index] = table.intersection
    intersection = shared[linear_sum_assignment(ious, maximize=True)].sum()
    union = table.label_areas.sum() + table.prediction_areas.sum() - intersection
    assert compute_aji_plus(table) == pytest.approx(intersection / union, abs=1e-12)


def test_a_prediction_over_two_labels_by_hand():
    """One prediction covers two labels of 2 pixels: AJI counts it twice, AJI+ once."""
    prediction, label = np.array([[1, 1, 1, 1, 0]]), np.array([[1, 1, 2, 2, 0]])
    table = compute_overlap_table(prediction, label)
    assert compute_aji(table) == pytest.approx(4 / 8)
    assert compute_aji_plus(table) == pytest.approx(2 / 6)


def test_a_label_over_two_predictions_by_hand():
    prediction, label = np.array([[1, 1, 1, 2, 0]]), np.array([[1, 1, 1, 1, 0]])
    table = compute_overlap_table(prediction, label)
    assert compute_aji(table) == pytest.approx(3 / 5)  # the unmatched prediction counts in the union, once more
    assert compute_aji_plus(table) == pytest.approx(3 / 5)


def test_greedy_pairs_are_not_the_best_assignment():
    """The pair of highest IoU, 3/7, has to give way to two of 2/5 each."""
    table = compute_overlap_table(np.array([[2, 2, 1, 1, 1, 1, 1]]), np.array([[1, 1, 1, 1, 1, 2, 2]]))
    assert table.iou.tolist() == [2 / 5, 3 / 7, 2 / 5]
    assert compute_aji_plus(table) == pytest.approx(4 / 10)


@pytest.mark.parametrize(("large", "small"), [(1, 2), (2, 1)])
def test_of_predictions_with_one_iou_the_ids_do_not_decide(large, small):
    """A label of 4 pixels shares 2 of 6 pixels with one prediction and 1 of 1 with the other: IoU 1/4 both times."""
    prediction = np.array([[large] * 6 + [0, small, 0]])
    label = np.array([[0] * 4 + [3] * 4 + [0]])
    table, mirrored = (
        compute_overlap_table(prediction, label),
        compute_overlap_table(prediction[:, ::-1], label[:, ::-1]),
    )
    assert table.iou.tolist() == mirrored.iou.tolist() == [1 / 4, 1 / 4]
    assert compute_aji(table) == pytest.approx(2 / 9)  # the first to appear is the large one
    assert compute_aji(mirrored) == pytest.approx(1 / 10)
    assert compute_aji_plus(table) == compute_aji_plus(mirrored) == pytest.approx(2 / 9)  # the larger overlap
