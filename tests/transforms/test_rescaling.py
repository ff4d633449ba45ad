"""Grids of other pixel sizes: what lies where, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.transforms import rescaling
from mani_monai.transforms.rescaling import nearest, rescaled, smooth
from mani_monai.utils import InputError


def test_nearest_takes_the_pixel_that_holds_the_centre():
    ids = np.arange(6, dtype=np.int32).reshape(2, 3)
    np.testing.assert_array_equal(nearest(ids, (4, 6)), ids.repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_array_equal(nearest(ids.repeat(3, axis=0).repeat(3, axis=1), (2, 3)), ids)
    # centres at 1/4, 3/4 of three pixels: 0.75 and 2.25, so in pixels 0 and 2
    np.testing.assert_array_equal(nearest(ids, (2, 2)), ids[:, [0, 2]])
    assert nearest(ids, (2, 3)) is ids


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
    found = smooth(plane, (16, 12))[0]
    expected = np.add.outer((np.arange(16) + 0.5) / 2 - 0.5, (np.arange(12) + 0.5) - 1)
    np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-5)
    assert smooth(plane, (8, 6)) is plane
    assert smooth(plane[:0], (3, 4)).shape == (0, 3, 4)
