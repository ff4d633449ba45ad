"""Outlines drawn on the image."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mani_monai.data.writers import outline_mask, outline_nuclei, write_overlay
from mani_monai.data.writers.tables import PALETTE, YELLOW

GREY = np.full((7, 12, 3), 100, np.uint8)
INSTANCES = np.zeros((7, 12), np.int32)
INSTANCES[1:6, 1:6] = 4
INSTANCES[1:6, 6:11] = 9  # touches the other along a side


def frame(left: int) -> np.ndarray:
    """The outermost pixels of the 5x5 square that begins in row 1."""
    square = np.zeros((7, 12), bool)
    square[1:6, left : left + 5] = True
    square[2:5, left + 1 : left + 4] = False
    return square


def test_outlines_by_hand():
    drawn = outline_nuclei(GREY, INSTANCES)
    outlined = (drawn == YELLOW).all(axis=2)
    np.testing.assert_array_equal(outlined, frame(1) | frame(6))
    assert (drawn[~outlined] == 100).all()
    assert (GREY == 100).all(), "the image itself was drawn on"


def test_nuclei_that_touch_keep_their_colours():
    drawn = outline_nuclei(GREY, INSTANCES, {"id": np.array([9, 4]), "type": np.array([2, 1])})
    np.testing.assert_array_equal((drawn == PALETTE[0]).all(axis=2), frame(1))
    np.testing.assert_array_equal((drawn == PALETTE[1]).all(axis=2), frame(6))


def test_a_table_without_types_is_one_colour():
    drawn = outline_nuclei(GREY, INSTANCES, {"id": np.array([4, 9])})
    np.testing.assert_array_equal(drawn, outline_nuclei(GREY, INSTANCES))


def test_single_pixels_and_no_nucleus():
    dot = np.zeros((7, 12), np.uint8)
    dot[3, 5] = 1
    np.testing.assert_array_equal((outline_nuclei(GREY, dot) == YELLOW).all(axis=2), dot > 0)
    np.testing.assert_array_equal(outline_nuclei(GREY, dot * 0), GREY)


def test_picture_is_written_whole(tmp_path):
    write_overlay(tmp_path / "a.png", GREY, INSTANCES)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(picture), outline_nuclei(GREY, INSTANCES))


def test_wide_outlines_are_two_pixels_of_the_nucleus():
    drawn = outline_nuclei(GREY, INSTANCES, {"id": np.array([9, 4]), "type": np.array([2, 1])}, wide=True)
    for colour, left in ((PALETTE[0], 1), (PALETTE[1], 6)):
        ring = frame(left)
        ring[2:5, left + 1 : left + 4] = True
        ring[3, left + 2] = False
        np.testing.assert_array_equal((drawn == colour).all(axis=2), ring)


@pytest.mark.parametrize(("side", "pixels"), [(14, 14 * 14 - 12 * 12), (15, 15 * 15 - 11 * 11)])
def test_a_file_has_wide_outlines_where_the_middle_nucleus_has_200_pixels(tmp_path, side, pixels):
    """Of three nuclei the second by size decides: 196 or 225 pixels."""
    ids, image = np.zeros((60, 60), np.int32), np.full((60, 60, 3), 100, np.uint8)
    ids[1:3, 1:3] = 7
    ids[5 : 5 + side, 5 : 5 + side] = 20
    ids[30:50, 30:50] = 21
    write_overlay(tmp_path / "a.png", image, ids)
    drawn = (np.asarray(Image.open(tmp_path / "a.png")) == YELLOW).all(axis=2)
    assert drawn[ids == 20].sum() == pixels
    assert drawn[ids == 7].sum() == 4
    assert not drawn[ids == 0].any()


def test_a_file_without_nuclei_is_the_image(tmp_path):
    write_overlay(tmp_path / "a.png", GREY, INSTANCES * 0)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), GREY)


def test_another_size_is_refused():
    with pytest.raises(ValueError, match=r"image must be \(7, 12, 3\), got \(12, 7, 3\)"):
        outline_nuclei(GREY.transpose(1, 0, 2), INSTANCES)


def test_outline_leaves_inside_and_outside_alone():
    mask = np.zeros((12, 12), bool)
    mask[3:9, 3:9] = True
    drawn = outline_mask(np.full((12, 12, 3), 7, np.uint8), mask, (0, 200, 0))
    assert tuple(drawn[3, 5]) == (0, 200, 0)
    assert tuple(drawn[2, 5]) == (0, 200, 0)
    assert (drawn[5, 5] == 7).all()
    assert (drawn[0, 0] == 7).all()
