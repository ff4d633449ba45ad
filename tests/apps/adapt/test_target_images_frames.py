"""A thin black frame around a picture goes, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.apps.adapt.target_images import is_black, without_black_frame

PICTURE = np.random.default_rng(0).integers(120, 250, (60, 80, 3), dtype=np.uint8)


@pytest.mark.parametrize("sides", [(0, 0, 0, 0), (1, 0, 0, 0), (0, 3, 0, 0), (2, 1, 4, 3), (9, 10, 13, 17)])
def test_each_side_by_itself(sides):
    top, bottom, left, right = sides
    framed = np.pad(PICTURE, [(top, bottom), (left, right), (0, 0)])
    np.testing.assert_array_equal(without_black_frame(framed), PICTURE)


def test_a_wide_border_stays():
    """What would be left of it is thin, and taken for tissue."""
    framed = np.pad(PICTURE, [(0, 2), (18, 0), (0, 0)])
    np.testing.assert_array_equal(without_black_frame(framed), framed[:-2])


def test_what_is_not_black_from_end_to_end_stays():
    stained = PICTURE.copy()
    stained[:4, :60] = 20
    stained[-4:] = (60, 30, 95)  # a row of nuclei
    assert without_black_frame(stained).shape == stained.shape
    assert is_black(stained)[:4].mean() == 0.75
    assert not is_black(stained)[-4:].any()


@pytest.mark.parametrize("size", [(40, 50), (36, 50)])
def test_black_and_small_pictures_stay(size):
    assert without_black_frame(np.zeros((*size, 3), np.uint8)).shape == (*size, 3)
