"""The table of overlaps, by hand and against counting every pair of ids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from mani_monai.metrics import compute_overlap_table

PREDICTION = np.array([[9, 9, 0, 4], [9, 0, 0, 4]])
LABEL = np.array([[0, 2, 2, 7], [0, 2, 0, 7]])


def test_by_hand():
    table = compute_overlap_table(PREDICTION, LABEL)
    assert table.prediction_ids.tolist() == [9, 4]  # in the order in which they appear
    assert table.label_ids.tolist() == [2, 7]
    assert table.prediction_areas.tolist() == [3, 2]
    assert table.label_areas.tolist() == [3, 2]
    pairs = zip(table.label_index, table.prediction_index, table.intersection, strict=True)
    assert [tuple(map(int, pair)) for pair in pairs] == [(0, 0, 1), (1, 1, 2)]
    assert table.iou.tolist() == [1 / 5, 1]


@pytest.mark.parametrize("kind", ["noise", "tissue"])
@pytest.mark.parametrize("seed", range(10))
def test_equals_counting_every_pair(kind, seed, request):
    prediction, label = request.getfixturevalue(kind)(seed)
    table = compute_overlap_table(prediction, label)
    assert sorted(table.prediction_ids) == sorted(set(prediction.flat) - {0})
    assert sorted(table.label_ids) == sorted(set(label.flat) - {0})
    assert table.label_areas.tolist() == [(label == i).sum() for i in table.label_ids]
    assert table.prediction_areas.tolist() == [(prediction == i).sum() for i in table.prediction_ids]
    counted = np.zeros((len(table.label_ids), len(table.prediction_ids)), int)
    counted[table.label_index, table.prediction_index] = table.intersection
    expected = [[((label == i) & (prediction == j)).sum() for j in table.prediction_ids] for i in table.label_ids]
    assert counted.tolist() == expected
    assert len(table.intersection) == np.count_nonzero(expected)


@pytest.mark.parametrize("background", [True, False])
def test_background_may_be_missing(background):
    label = np.array([[0 if background else 3, 3]])
    table = compute_overlap_table(np.array([[5, 6]]), label)
    assert table.label_areas.tolist() == [1 if background else 2]
    assert table.prediction_areas.tolist() == [1, 1]
    assert table.intersection.tolist() == ([1] if background else [1, 1])


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_any_integer_type_of_array_and_tensor(name):
    prediction, label = PREDICTION.astype(name), LABEL.astype(name)
    expected = compute_overlap_table(PREDICTION, LABEL)
    for pair in [(prediction, label), (torch.from_numpy(prediction), torch.from_numpy(label)), (prediction, LABEL)]:
        assert compute_overlap_table(*pair).intersection.tolist() == expected.intersection.tolist()
    assert compute_overlap_table(MetaTensor(torch.from_numpy(prediction)), label).iou.tolist() == expected.iou.tolist()


def test_huge_ids_and_any_memory_layout():
    expected = compute_overlap_table(PREDICTION, LABEL)
    huge = np.asfortranarray(PREDICTION.astype(np.uint64) * 2**60)
    table = compute_overlap_table(huge, np.ascontiguousarray(LABEL[:, ::-1])[:, ::-1])
    assert table.prediction_ids.tolist() == [9 * 2**60 % 2**64, 4 * 2**60]
    assert table.intersection.tolist() == expected.intersection.tolist()


def test_best_of_each_label_takes_the_first_of_equal_ones():
    prediction = np.array([[0, 8, 5, 5, 0], [3, 0, 2, 0, 0]])
    label = np.array([[0, 1, 1, 1, 4], [7, 0, 6, 0, 0]])
    table = compute_overlap_table(prediction, label)
    best = table.best_of_each_label(np.ones(len(table.intersection)))
    found = {
        int(table.label_ids[table.label_index[i]]): int(table.prediction_ids[table.prediction_index[i]]) for i in best
    }
    assert found == {1: 8, 7: 3, 6: 2}  # 4 overlaps nothing
    best = table.best_of_each_label(table.intersection)
    assert 5 in table.prediction_ids[table.prediction_index[best]]


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (PREDICTION.astype(np.float32), "prediction must be an HxW map of integers, got float32"),
        (torch.from_numpy(PREDICTION).double(), "prediction must be an HxW map of integers, got float64"),
        (PREDICTION > 0, "prediction must be an HxW map of integers, got bool"),
        (PREDICTION[None], r"HxW map of integers, got int64 of shape \(1, 2, 4\)"),
        (PREDICTION[:, :0], r"HxW map of integers, got int64 of shape \(2, 0\)"),
        (-PREDICTION, "prediction must hold ids >= 0, got -9"),
        (PREDICTION.T, r"one shape, got \(4, 2\) and \(2, 4\)"),
    ],
)
def test_other_maps_are_refused(prediction, message):
    with pytest.raises(ValueError, match=message):
        compute_overlap_table(prediction, LABEL)
    if "one shape" not in message:
        with pytest.raises(ValueError, match=message.replace("prediction", "label")):
            compute_overlap_table(LABEL, prediction)
