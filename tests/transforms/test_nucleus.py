"""What one nucleus is."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.transforms.nucleus import connected_nuclei, least_area, without_small


@pytest.mark.parametrize(("mpp", "pixels"), [(None, 48), (0.25, 48), (0.5, 12), (1.0, 3), (4.0, 1)])
def test_the_least_area_is_the_same_in_square_micrometres(mpp, pixels):
    assert least_area(mpp) == pixels


@pytest.mark.parametrize("mpp", [0, -1, float("nan"), float("inf")])
def test_a_pixel_size_that_is_none_is_refused(mpp):
    with pytest.raises(ValueError, match="mpp must be > 0"):
        least_area(mpp)


def test_pieces_that_touch_at_corners_are_separate_and_small_ones_go():
    mask = np.array([[1, 1, 0, 0, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 1]], bool)
    np.testing.assert_array_equal(connected_nuclei(mask, 2), [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 2, 2, 2]])
    assert connected_nuclei(mask).max() == 0


def test_ids_stay_in_order_without_gaps():
    instances = np.array([[1, 2, 2, 3, 4, 4, 4]], np.int32)
    kept, count = without_small(instances, 4, 2)
    np.testing.assert_array_equal(kept, [[0, 1, 1, 0, 2, 2, 2]])
    assert count == 2
