"""Where a model is least sure, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mani_monai.apps.adapt.least_certain import UnsureField, entropy_blocks, least_certain


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
