"""The stain's own probability of nuclei."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import hed2rgb

from mani_monai.transforms import part_nuclei
from mani_monai.transforms.haematoxylin import haematoxylin_probability


@pytest.fixture
def tissue() -> tuple[np.ndarray, np.ndarray]:
    """HW3 tissue of eosin with two disks of haematoxylin, and their mask."""
    rows, columns = np.indices((80, 120))
    mask = np.minimum(np.hypot(rows - 40, columns - 30), np.hypot(rows - 40, columns - 85)) <= 12
    stains = np.stack([np.where(mask, 0.25, 0.05), np.full(mask.shape, 0.05), np.zeros(mask.shape)], axis=-1)
    return (hed2rgb(stains) * 255).round().astype(np.uint8), mask


def test_haematoxylin_is_nuclei_and_eosin_is_not(tissue):
    image, mask = tissue
    probability = haematoxylin_probability(image)
    assert probability.dtype == np.float32
    assert probability.min() > 0
    assert probability.max() < 1
    assert ((probability > 0.5) == mask).mean() > 0.98
    assert part_nuclei(probability).max() == 2


def test_one_half_lies_at_otsus_threshold_between_two_stains():
    """Half the image has one stain, half the other; far from their border the ways to the threshold are equal."""
    image = np.empty((40, 60, 3), np.uint8)
    image[:, :30], image[:, 30:] = (230, 200, 220), (90, 60, 140)
    probability = haematoxylin_probability(image, blur=0.5)
    assert (probability[:, :27] < 0.5).all()
    assert (probability[:, 33:] > 0.5).all()


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_a_single_colour_has_no_nuclei(colour):
    image = np.full((30, 40, 3), colour, np.uint8)
    np.testing.assert_array_equal(haematoxylin_probability(image), np.zeros((30, 40)))


@pytest.mark.parametrize(("shape", "dtype"), [((9, 9), np.uint8), ((3, 9, 9), np.uint8), ((9, 9, 3), np.float32)])
def test_other_images_are_refused(shape, dtype):
    with pytest.raises(ValueError, match="image must be HW3 uint8"):
        haematoxylin_probability(np.zeros(shape, dtype))
