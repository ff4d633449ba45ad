"""Counts, sizes and shares against masks that are counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.apps.adapt.nuclei_summary import measure_nuclei


def test_counts_sizes_and_shares():
    one, other = np.zeros((10, 20), np.uint16), np.zeros((20, 20), bool)
    one[0:4, 0:4] = 7  # 16 px
    one[4:8, 4:8] = 9  # another 16 px, touching at a corner: one nucleus of 32 px
    one[9, 18:20] = 3  # a speck
    other[2:7, 3:13] = True  # 50 px
    found = measure_nuclei([one, other])
    assert (found.images, found.count, sorted(found.areas)) == (2, 2, [32, 50])
    assert found.shares == (34 / 200, 50 / 400)
    assert found.share == pytest.approx(84 / 600)
    assert found.megapixels == pytest.approx(600e-6)
    assert found.density == pytest.approx(2 / 600e-6)
    assert found.median_area == 41
    assert found.diameters == pytest.approx(2 * np.sqrt(np.array([32, 50]) / np.pi))


def test_no_nucleus():
    summary = measure_nuclei([np.zeros((5, 5))]).summary()
    assert (
        summary["nuclei"] == summary["nuclei_share"] == summary["median_area_px"] == summary["median_diameter_px"] == 0
    )


def test_no_mask():
    with pytest.raises(ValueError, match="at least one mask"):
        measure_nuclei([])
