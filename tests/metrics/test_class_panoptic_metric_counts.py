"""Panoptic counts of each class against scoring each class as an image of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mani_monai.metrics import compute_class_counts, compute_overlap_table, compute_panoptic_counts

LABEL = np.array([[4, 4, 0, 2, 2, 2], [4, 4, 0, 2, 2, 2]])
PREDICTION = np.array([[1, 1, 1, 3, 3, 3], [1, 1, 0, 3, 3, 3]])


def test_a_pair_needs_one_type():
    same = compute_class_counts(PREDICTION, {1: 1, 3: 3}, LABEL, {4: 1, 2: 3}, 3)
    assert same.as_array().tolist() == [[1, 0, 0, 4 / 5], [0, 0, 0, 0], [1, 0, 0, 1]]
    other = compute_class_counts(PREDICTION, {1: 1, 3: 2}, LABEL, {4: 1, 2: 3}, 3)
    assert other.as_array().tolist() == [[1, 0, 0, 4 / 5], [0, 1, 0, 0], [0, 0, 1, 0]]


def test_most_pixels_decide_background_aside():
    types = np.array([[2, 0, 0, 3, 1, 1], [0, 0, 0, 3, 3, 3]])  # 4: 2 on one pixel; 2: 3 on four, 1 on two
    found = compute_class_counts(PREDICTION, {1: 2, 3: 3}, LABEL, types, 3)
    assert found.as_array().tolist() == [[0, 0, 0, 0], [1, 0, 0, 4 / 5], [1, 0, 0, 1]]


def test_a_nucleus_without_type_is_in_no_class():
    found = compute_class_counts(PREDICTION, np.zeros_like(PREDICTION), LABEL, {4: 0, 2: 3}, 3)
    assert found.as_array().tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("as_maps", [True, False])
def test_equals_each_class_as_an_image_of_its_own(seed, as_maps, tissue):
    prediction, label = tissue(seed)
    classes = np.random.default_rng(seed).integers(0, 4, 100)  # the type of every id, in both maps
    types = [classes[instances] * (instances > 0) for instances in (prediction, label)]
    by_id = dict(enumerate(classes.tolist()))
    found = compute_class_counts(
        torch.from_numpy(prediction), types[0] if as_maps else by_id, label, types[1] if as_maps else by_id, 3
    )
    for i in range(3):
        masked = [instances * (kinds == i + 1) for instances, kinds in zip((prediction, label), types, strict=True)]
        expected = compute_panoptic_counts(compute_overlap_table(*masked))
        np.testing.assert_allclose(found.as_array()[i], expected.as_array(), atol=1e-12)
    assert found.tp.sum() > 3


def test_empty_maps():
    nothing = np.zeros((3, 4), int)
    assert compute_class_counts(nothing, nothing, nothing, {}, 2).as_array().tolist() == [[0] * 4] * 2


@pytest.mark.parametrize(
    ("types", "message"),
    [
        (PREDICTION.astype(float), "prediction_types must be an HxW map of integers, got float64"),
        (PREDICTION[:, 1:], r"prediction_types must be of the instances' shape \(2, 6\), got \(2, 5\)"),
        (PREDICTION, "prediction_types must be 0 to 2, got 0 to 3"),
        (-PREDICTION, "prediction_types must be 0 to 2, got -3 to 0"),
        ({1: 1, 3: 5}, "prediction_types must be 0 to 2, got 1 to 5"),
        ({1: 1}, r"prediction_types must hold a type for every id, got none for \[3\]"),
    ],
)
def test_other_types_are_refused(types, message):
    with pytest.raises(ValueError, match=message):
        compute_class_counts(PREDICTION, types, LABEL, {4: 1, 2: 1}, 2)
    with pytest.raises(ValueError, match=message.replace("prediction_types", "label_types")):
        compute_class_counts(LABEL, {4: 1, 2: 1}, PREDICTION, types, 2)
