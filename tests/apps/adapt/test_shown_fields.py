"""Typical fields of different images come first, and an empty corner never."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mani_monai.apps.adapt.evidence import ImageNuclei
from mani_monai.apps.adapt.shown_fields import (
    MOST_CHANGED,
    SUSPICIOUS,
    TYPICAL_FIELD,
    UnsureField,
    entropy_blocks,
    least_certain,
    shown_fields,
)


def image(shape, *places):
    """Nuclei of one pixel each."""
    ids = np.zeros(shape, int)
    for number, place in enumerate(places, 1):
        ids[place] = number
    return ImageNuclei.of(ids)


def shown(*arguments, **options):
    return [(name, field.image, field.row, field.column) for name, field in shown_fields(*arguments, **options)]


def test_an_empty_corner_is_not_typical():
    """Of three fields with 0, 1 and 5 nuclei, and one of 2, the middle one of those with nuclei."""
    places = [(0, 12), (10, 0), (11, 3), *((12, 11 + number) for number in range(5))]
    before = image((20, 20), *places)
    ((name, field),) = shown_fields([before], [before], side=10)
    assert (name, field.row, field.column, field.before, field.after) == (TYPICAL_FIELD, 10, 0, 2, 2)
    assert (field.height, field.width, field.changed) == (10, 10, 0)


def test_images_differ_and_those_that_changed_as_most_do_come_first():
    full, none = image((10, 10), (1, 1)), image((10, 10))
    other = image((10, 10), (1, 1), (5, 5))
    wide = image((10, 10), *((row, column) for row in range(10) for column in range(10)))
    before, after = [full, none, full, full, full], [other, none, wide, other, other]
    assert shown(before, after, side=10) == [
        (TYPICAL_FIELD, 0, 0, 0),
        (TYPICAL_FIELD, 3, 0, 0),
        (TYPICAL_FIELD, 4, 0, 0),
        (MOST_CHANGED, 2, 0, 0),
    ]


def test_a_suspicious_image_is_shown_last_and_counts_for_nothing_else():
    full, other = image((10, 10), (1, 1)), image((10, 10), (1, 1), (5, 5))
    found = shown([full, full, full], [other, full, full], suspicious=[0], side=10)
    assert found == [(TYPICAL_FIELD, 1, 0, 0), (TYPICAL_FIELD, 2, 0, 0), (SUSPICIOUS, 0, 0, 0)]
    assert shown([full], [other], suspicious=[0], side=10) == [(SUSPICIOUS, 0, 0, 0)]


def test_the_most_changed_field_of_an_image_that_is_shown_already():
    before = image((10, 20), (0, 0), (0, 10))
    after = image((10, 20), (0, 0), (0, 10), (0, 11))
    assert shown([before], [after], side=10) == [(TYPICAL_FIELD, 0, 0, 0), (MOST_CHANGED, 0, 0, 10)]


@pytest.mark.parametrize(("length", "side"), [(14, 14), (16, 8), (25, 12), (26, 8)])
def test_fields_of_an_image_that_is_no_multiple_of_them(length, side):
    one = image((10, length), (0, side * (length // side) - 1))
    ((_, field),) = shown_fields([one], [one], side=10)
    assert (field.width, field.column + field.width) == (side, side * (length // side))


def test_an_image_smaller_than_a_field_and_no_nuclei_at_all():
    ((_, field),) = shown_fields([image((7, 9))], [image((7, 9))], side=10)
    assert (field.height, field.width, field.nuclei, field.changed) == (7, 9, 0, 0)


def test_entropy_by_hand():
    """Two squares of 16 px: one sure, one that knows nothing."""
    maps = np.zeros((2, 16, 32), np.float32)
    maps[1, :, :16] = 40
    np.testing.assert_allclose(entropy_blocks(maps), [[0, math.log(2)]], atol=1e-6)
    one_in_ten = np.zeros((2, 16, 16), np.float32)
    one_in_ten[1] = math.log(0.1 / 0.9)
    assert entropy_blocks(one_in_ten).item() == pytest.approx(-0.1 * math.log(0.1) - 0.9 * math.log(0.9), rel=1e-5)


def test_the_least_certain_field_of_each_image():
    shapes = [(512, 512), (512, 256), (256, 256)]
    blocks = [np.full((height // 16, width // 16), 0.1, np.float32) for height, width in shapes]
    blocks[0][:16, 16:] = 0.3
    blocks[1][16:] = 0.5
    found = least_certain(shapes, blocks)
    assert [(field.image, field.row, field.column) for field in found] == [(1, 256, 0), (0, 0, 256), (2, 0, 0)]
    assert found[0] == UnsureField(1, 256, 0, 256, 256, 0.5)
    assert np.zeros((512, 512))[found[1].part].shape == (256, 256)
    assert [field.image for field in least_certain(shapes, blocks, skipped=[1], count=1)] == [0]


def test_blocks_of_a_rescaled_image_and_answers_that_are_no_numbers():
    """The network saw an image of 512 px at half its size."""
    halved = np.full((16, 16), 0.1, np.float32)
    halved[8:, 8:] = 0.4
    broken = np.full((16, 16), np.nan, np.float32)
    (field,) = least_certain([(512, 512), (256, 256)], [halved, broken])
    assert (field.row, field.column, field.height) == (256, 256, 256)
    assert field.entropy == pytest.approx(0.4)
