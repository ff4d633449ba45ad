"""A smaller page of a file that is a picture of its own, and one that is not."""

import numpy as np
import pytest
from PIL import Image

from mani_monai.data.readers.alike_pages import shows

SMOOTH = np.kron(np.random.default_rng(0).integers(0, 255, (10, 8)), np.ones((8, 8), int))


@pytest.mark.parametrize("scale", [1, 257], ids=["8 bits", "16 bits"])
def test_a_reduction_and_another_place(scale):
    large = (SMOOTH * scale).astype(np.uint8 if scale == 1 else np.uint16)
    assert shows(Image.fromarray(large), Image.fromarray(np.ascontiguousarray(large[::2, ::2])))
    assert not shows(Image.fromarray(large), Image.fromarray(np.ascontiguousarray(large[40:, :32])))


def test_masks_of_nought_and_one():
    mask = (SMOOTH > 150).astype(np.uint8)
    assert shows(Image.fromarray(mask), Image.fromarray(np.ascontiguousarray(mask[::2, ::2])))
    assert not shows(Image.fromarray(mask), Image.fromarray(np.ascontiguousarray(mask[40:, :32])))


def test_pages_of_one_shade():
    glass = Image.fromarray(np.full((80, 64), 240, np.uint8))
    assert shows(glass, Image.fromarray(np.full((40, 32), 241, np.uint8)))
    assert not shows(glass, Image.fromarray(np.full((40, 32), 40, np.uint8)))
