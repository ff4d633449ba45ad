"""Panoptic counts and the qualities made of them."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.metrics import PanopticCounts, compute_overlap_table, compute_panoptic_counts

#             pair of IoU 3/4       exactly 1/2: no pair     a miss   a false positive
LABEL = [[1, 1, 1, 1, 0, 2, 2, 0, 3, 0, 0]]
PREDICTION = [[5, 5, 5, 0, 0, 6, 0, 0, 0, 0, 7]]


def test_by_hand():
    counts = compute_panoptic_counts(compute_overlap_table(np.array(PREDICTION), np.array(LABEL)))
    assert counts.as_array().tolist() == [1, 2, 2, 0.75]
    assert counts.dq == pytest.approx(1 / 3)
    assert counts.sq == pytest.approx(3 / 4)
    assert counts.pq == pytest.approx(1 / 4)


def test_just_above_one_half_is_a_pair():
    counts = compute_panoptic_counts(compute_overlap_table(np.array([[1, 1, 1, 0, 0]]), np.array([[1, 1, 1, 1, 1]])))
    assert counts.as_array().tolist() == [1, 0, 0, 0.6]


@pytest.mark.filterwarnings("error")
def test_empty_maps():
    counts = PanopticCounts.stack(
        [PanopticCounts(0, 0, 0, 0), PanopticCounts(0, 0, 2, 0), PanopticCounts(0, 3, 0, 0), PanopticCounts(1, 0, 1, 1)]
    )
    for name, last in (("dq", 2 / 3), ("sq", 1), ("pq", 2 / 3)):
        np.testing.assert_allclose(getattr(counts, name), [np.nan, 0, 0, last])
    np.testing.assert_allclose(counts.count_error, [np.nan, 1, np.nan, 0.5])
    assert counts.label_empty.tolist() == [True, False, True, False]
    assert counts.both_empty.tolist() == [True, False, False, False]


def test_arrays_there_and_back():
    array = np.arange(24.0).reshape(2, 3, 4)
    counts = PanopticCounts.from_array(array)
    assert counts.fp.tolist() == array[..., 1].tolist()
    np.testing.assert_array_equal(counts.as_array(), array)
    images = [PanopticCounts.from_array(image) for image in array]
    np.testing.assert_array_equal(PanopticCounts.stack(images).as_array(), array)
