"""Where two models differ."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.apps.adapt.comparison import agreement, example_regions


def test_agreement_is_dice_of_all_pixels():
    one, other = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    one[0, :3] = other[0, 1:4] = True  # two in common
    assert agreement([one], [other]) == pytest.approx(2 * 2 / 6)
    assert agreement([one, one], [one, other]) == pytest.approx(2 * 5 / 12)
    assert agreement([np.zeros((2, 2), bool)], [np.zeros((2, 2), bool)]) == 1


def test_regions_are_ranked_over_all_images():
    before = [np.zeros((20, 30), bool), np.zeros((10, 10), bool)]
    before[0][0, :] = before[0][15, :] = before[1][0, 0] = True
    after = [mask.copy() for mask in before]
    after[0][:10, 10:20] = True  # nearly all of the second region of the first row
    after[0][16, 0] = True  # one pixel of the first of the second row
    found = example_regions(before, after, side=10)
    assert list(found) == ["most changed", "median", "least changed"]
    most = found["most changed"]
    assert (most.image, most.row, most.column, most.height, most.width) == (0, 0, 10, 10, 10)
    assert most.changed == 0.9
    assert found["least changed"].changed == 0
    assert len(set(found.values())) == 3
    assert after[most.image][most.part].all()


def test_regions_where_neither_model_finds_nuclei_are_passed_over():
    before, after = np.zeros((10, 30), bool), np.zeros((10, 30), bool)
    before[0, 0] = True
    found = example_regions([before], [after], side=10)
    assert [(region.column, region.changed) for region in found.values()] == [(0, 0.01)]


@pytest.mark.parametrize(("length", "sides"), [(14, 14), (16, 8), (25, 12), (26, 8)])
def test_regions_cover_an_image_that_is_no_multiple_of_them(length, sides):
    mask = np.zeros((10, length), bool)
    mask[0, sides * (length // sides) - 1] = True
    (first, *_) = example_regions([mask], [~mask & mask], side=10).values()
    assert (first.width, first.column + first.width) == (sides, sides * (length // sides))


def test_an_image_smaller_than_a_region_and_no_nuclei_at_all():
    (region,) = example_regions([np.zeros((7, 9), bool)], [np.zeros((7, 9), bool)], side=10).values()
    assert (region.height, region.width, region.changed) == (7, 9, 0)
