"""Quotients and means with nan where nothing was scored."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.metrics.arithmetic import mean_of_scored, ratio


@pytest.mark.filterwarnings("error")
def test_nan_and_no_warning_where_the_denominator_is_zero():
    np.testing.assert_array_equal(ratio([1, 0, 3], [2, 0, 0]), [0.5, np.nan, np.nan])
    assert np.isnan(ratio(0, 0))


@pytest.mark.filterwarnings("error")
def test_mean_leaves_nan_out():
    scores = np.array([[1.0, np.nan], [0.5, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(mean_of_scored(scores), [0.75, np.nan])
    np.testing.assert_array_equal(mean_of_scored(scores, axis=1), [1, 0.5, np.nan])
