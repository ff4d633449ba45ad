"""Distances to the background, up to a largest one, beside SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mani_monai.transforms.capped_distance import capped_distance


@pytest.mark.parametrize("cap", [1, 5, 24, 127])
@pytest.mark.parametrize("blur", [0.7, 3, 12])
def test_the_values_are_scipys_up_to_the_cap(cap, blur):
    noise = np.random.default_rng(0).standard_normal((150, 211))
    mask = ndimage.gaussian_filter(noise, blur) > 0
    expected = np.minimum(ndimage.distance_transform_edt(mask), cap).astype(np.float32)
    np.testing.assert_array_equal(capped_distance(mask, cap), expected)


def test_values_by_hand():
    mask = np.ones((4, 5), bool)
    mask[0, 0] = False
    expected = np.sqrt([[0, 1, 4, 9, 9], [1, 2, 5, 9, 9], [4, 5, 8, 9, 9], [9, 9, 9, 9, 9]]).astype(np.float32)
    np.testing.assert_array_equal(capped_distance(mask, 3), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (0, 5)])
def test_without_background_all_is_as_far_as_can_be(shape):
    np.testing.assert_array_equal(capped_distance(np.ones(shape, bool), 7), np.full(shape, 7, np.float32))


@pytest.mark.parametrize("cap", [0, 128])
def test_a_cap_out_of_range_is_refused(cap):
    with pytest.raises(ValueError, match="cap must be 1 to 127"):
        capped_distance(np.ones((3, 3), bool), cap)
