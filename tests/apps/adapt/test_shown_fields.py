"""Typical fields of different images come first, and an empty corner never."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.apps.adapt.nuclei_figures import ImageNuclei
from mani_monai.apps.adapt.shown_fields import MOST_CHANGED, SUSPICIOUS, TYPICAL_FIELD, shown_fields


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
