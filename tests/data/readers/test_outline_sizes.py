"""Outlines in micrometres where pixels are due, told by areas and places; sizes that nuclei have are believed."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.data.readers.outline_sizes import OutlineSizes

EVERYWHERE, CORNER = (0.9, 0.8), (0.24, 0.2)


def sizes(area, reach=EVERYWHERE, count=5):
    return OutlineSizes(np.full(count, area), reach)


@pytest.mark.parametrize("um", [0.22, 0.25, 0.5])
@pytest.mark.parametrize("area", [4.4, 13, 24, 52])
def test_nuclei_in_pixels_are_believed(um, area):
    """From the smallest to the largest median of the images of three data sets."""
    assert sizes(area / um**2).doubt(um) == ""


@pytest.mark.parametrize("area", [4.4, 13, 24, 45])
def test_nuclei_in_micrometres_are_not(area):
    said = f"its nuclei have a median of {area / 16:.2g} um2 at 0.25 um per pixel; the outlines are in micrometres, or"
    assert sizes(area).doubt(0.25).startswith(said)


def test_at_half_a_micrometre_the_corner_decides():
    assert sizes(24).doubt(0.5) == ""
    assert sizes(24, CORNER).doubt(0.5)
    assert sizes(40, CORNER).doubt(0.5) == ""


def test_what_says_nothing_is_believed():
    assert sizes(13, count=2).doubt(0.25) == ""
    assert sizes(13).doubt(1.0) == ""
    assert sizes(2).doubt(0.25) == "", "too small in micrometres, too"


def test_sizes_of_a_map():
    ids = np.zeros((20, 40), int)
    ids[2:4, 5:9], ids[3:8, 10:12] = 3, 7
    found = OutlineSizes.of_ids(ids)
    assert sorted(found.areas) == [8, 10]
    assert found.reach == (8 / 20, 12 / 40)
    assert OutlineSizes.of_ids(np.zeros((4, 5), int)).reach == (0, 0)
