"""Grids of other pixel sizes: what lies where, by hand."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from mani_monai.data.readers import opened_picture
from mani_monai.transforms import rescaling
from mani_monai.transforms.rescaling import Frame, grid_shape, ratio_of, rescaled, sampled
from mani_monai.utils import InputError


def test_a_map_is_sampled_where_the_grids_pixels_have_their_centres():
    ids = np.arange(24, dtype=np.int32).reshape(4, 6)
    np.testing.assert_array_equal(sampled(ids, (8, 12), 2.0), ids.repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_array_equal(sampled(ids, (2, 3), 0.5), ids[1::2, 1::2])
    np.testing.assert_array_equal(sampled(ids, (4, 6), 1.0), ids)
    # grid pixels of 48 / 64 have their centres at .375, 1.125, 1.875, 2.625 and 3.375
    np.testing.assert_array_equal(sampled(ids, (5, 1), 4 / 3)[:, 0], ids[[0, 1, 1, 2, 3], 0])


def test_nearest_takes_the_pixel_that_holds_the_centre():
    ids = np.arange(6, dtype=np.int32).reshape(2, 3)
    twice, thrice = ids.repeat(2, axis=0).repeat(2, axis=1), ids.repeat(3, axis=0).repeat(3, axis=1)
    np.testing.assert_array_equal(Frame.of((4, 6), 2).nearest(ids), twice)
    np.testing.assert_array_equal(Frame.of((2, 3), Fraction(1, 3)).nearest(thrice), ids)
    # centres at 2/3 and 6/3 of a pixel of the map, so in pixels 0 and 2
    np.testing.assert_array_equal(Frame.of((2, 2), 0.75).nearest(ids), ids[:, [0, 2]])
    assert Frame.of((2, 3), 1).nearest(ids) is ids


@pytest.mark.parametrize("ratio", [0.5, 0.78125, 102 / 64, 2, 3.90625, 43 / 64])
def test_parts_of_the_grid_share_the_image_out_and_have_the_values_of_the_whole(ratio):
    image = (61, 83)
    height, width = grid_shape(image, ratio)
    random = np.random.default_rng(0)
    ids, maps = random.integers(0, 99, (height, width)), random.random((2, height, width), np.float32)
    whole = Frame.of(image, ratio)
    assert whole.shape == image
    seen = np.zeros(image, int)
    cuts = [0, height // 3, height // 2, height], [0, width // 4, width]
    for top, bottom in pairwise(cuts[0]):
        for left, right in pairwise(cuts[1]):
            frame = Frame.of(image, ratio, (top, bottom), (left, right))
            place = slice(*frame.rows), slice(*frame.columns)
            seen[place] += 1
            np.testing.assert_array_equal(frame.nearest(ids[top:bottom, left:right]), whole.nearest(ids)[place])
            wide = Frame(frame.ratio, max(top - 1, 0), max(left - 1, 0), frame.rows, frame.columns)
            part = maps[:, wide.top : bottom + 1, wide.left : right + 1]
            np.testing.assert_array_equal(wide.smooth(part), whole.smooth(maps)[(slice(None), *place)])
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("scale", "ratio"), [(1, 1), (1.996, 0.5), (4, 0.25), (0.25, 4), (1 / 1.6, 102 / 64), (99, 1 / 64)]
)
def test_ratios_are_whole_64ths(scale, ratio):
    assert ratio_of(scale) == ratio


def test_pictures_are_larger_and_smaller():
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[:, 10:] = 200
    assert rescaled(picture, 1) is picture
    large = rescaled(picture, 2)
    assert large.shape == (20, 40, 3)
    assert (large[:, :17].max(), large[:, 23:].min()) == (0, 200)
    checks = np.indices((40, 40)).sum(axis=0)[..., None].repeat(3, axis=2) % 2 * 200
    assert np.ptp(rescaled(checks.astype(np.uint8), 0.25)[2:-2, 2:-2].astype(int)) <= 2, "it is smoothed as it shrinks"
    assert rescaled(picture[:1, :1], 0.25).shape == (1, 1, 3)


def test_what_would_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(rescaling, "MOST_PIXELS", 100)
    with pytest.raises(InputError, match=r"is 20x10 \(height x width\) at the network's pixel size"):
        rescaled(np.zeros((10, 5, 3), np.uint8), 2)


def test_smooth_maps_keep_a_plane():
    plane = np.add.outer(np.arange(8), 2 * np.arange(6)).astype(np.float32)[None]
    found = Frame.of((16, 12), 2).smooth(plane)[0]
    expected = np.add.outer((np.arange(16) + 0.5) / 2 - 0.5, (np.arange(12) + 0.5) - 1)
    np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-5)
    assert Frame.of((8, 6), 1).smooth(plane) is plane


def test_what_may_be_decoded_may_be_rescaled():
    """Carried modules import no transform, and transforms no reader: the bound stands in both, and is one."""
    assert rescaling.MOST_PIXELS == opened_picture.MOST_PIXELS
