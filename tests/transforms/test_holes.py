"""Holes of masks, beside SciPy's: all of them, and those that fit into a box."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mani_monai.transforms.holes import filled


@pytest.mark.parametrize("share", [0.4, 0.7, 0.9])
def test_holes_that_fit_into_a_box_are_filled(share):
    mask = np.random.default_rng(0).random((90, 70)) < share
    background, count = ndimage.label(~mask, np.ones((3, 3)))
    for largest in (1, 2, 5, 90):
        expected = mask.copy()
        for number, (rows, columns) in enumerate(ndimage.find_objects(background), 1):
            inside = rows.start > 0 and rows.stop < 90 and columns.start > 0 and columns.stop < 70
            if inside and max(rows.stop - rows.start, columns.stop - columns.start) <= largest:
                expected |= background == number
        assert count > 1
        np.testing.assert_array_equal(filled(mask, largest), expected)
    np.testing.assert_array_equal(filled(mask), expected)


def test_a_hole_by_its_box_and_not_by_its_area():
    mask = np.ones((20, 20), bool)
    mask[5, 5:12] = False
    assert not filled(mask, 6)[5, 5:12].any()
    assert filled(mask, 7).all()
    assert not filled(np.zeros((3, 4), bool)).any()
    assert filled(np.ones((3, 4), bool)).all()


def test_the_mask_stays_as_it_is():
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    assert filled(mask).all()
    assert not mask[2, 2]
