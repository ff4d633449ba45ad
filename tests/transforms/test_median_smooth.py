"""The fast 3x3 median: MONAI's values, the image's type."""

from __future__ import annotations

from itertools import product

import monai.transforms
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from mani_monai.transforms import MedianSmoothd
from mani_monai.transforms.median_smooth import median_3x3


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 5), (2, 7, 1), (3, 2, 2), (3, 31, 40)])
def test_values_are_monais(shape):
    image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(median_3x3(image), monai.transforms.MedianSmooth(radius=1)(image), rtol=0, atol=0)


def test_a_median_by_hand():
    """The neighbourhood of the middle is 1 to 9 shuffled; that of the corner repeats what the border repeats."""
    image = torch.tensor([[[9.0, 2.0, 7.0], [4.0, 1.0, 6.0], [3.0, 8.0, 5.0]]])
    smoothed = median_3x3(image)
    assert smoothed[0, 1, 1] == 5
    assert smoothed[0, 0, 0] == 4  # of 9 9 2, 9 9 2, 4 4 1


def test_it_is_the_median_of_every_neighbourhood_of_zeros_and_ones():
    """By the zero-one principle of minima and maxima, then of every other."""
    for values in product((0.0, 1.0), repeat=9):
        neighbourhood = torch.tensor(values).view(1, 3, 3)
        assert median_3x3(neighbourhood)[0, 1, 1] == (sum(values) >= 5)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.float16, torch.float32, torch.float64])
def test_an_image_keeps_its_type_and_its_values(dtype):
    image = torch.randint(0, 256, (3, 16, 20), generator=torch.Generator().manual_seed(1)).to(dtype)
    before = image.clone()
    smoothed = MedianSmoothd("image")({"image": image, "label": 1})
    assert smoothed["image"].dtype == dtype
    assert smoothed["label"] == 1
    assert torch.equal(smoothed["image"].double(), monai.transforms.MedianSmooth(radius=1)(image.double()).double())
    assert torch.equal(image, before)


def test_arrays_stay_arrays_and_a_missing_key_may_stay_missing():
    image = np.full((3, 4, 5), 7, np.uint8)
    smoothed = MedianSmoothd(["image", "whole"], allow_missing_keys=True)({"image": image})
    assert isinstance(smoothed["image"], np.ndarray)
    assert smoothed["image"].dtype == np.uint8
    assert (smoothed["image"] == image).all()
    with pytest.raises(KeyError):
        MedianSmoothd("whole")({"image": image})


def test_a_meta_tensor_keeps_what_it_knows():
    """The augmentation before it hands it one."""
    image = MetaTensor(torch.rand(3, 6, 5), affine=2 * torch.eye(4), meta={"filename_or_obj": "a.png"})
    smoothed = MedianSmoothd("image")({"image": image})["image"]
    assert isinstance(smoothed, MetaTensor)
    assert torch.equal(smoothed.affine, image.affine)
    assert smoothed.meta["filename_or_obj"] == "a.png"
    assert torch.equal(smoothed.as_tensor(), median_3x3(image.as_tensor()))


def test_only_images_with_channels_are_taken():
    with pytest.raises(ValueError, match=r"must be CHW, got the shape \(4, 4\)"):
        median_3x3(torch.rand(4, 4))
