"""The median of 3x3 neighbourhoods, without sorting each of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type
from torch import Tensor
from torch.nn.functional import pad


class MedianSmoothd(MapTransform):
    """Smooths an item's images by the median of 3x3 neighbourhoods.

    The values are those of MONAI's ``MedianSmoothd`` with radius 1, which sorts every neighbourhood, in a small part of
    its time; images keep their type, which MONAI's makes float32.

    Args:
        keys: keys of CHW images of whole or floating-point numbers.
        allow_missing_keys: leave an item without the key as it is.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with its images smoothed.
        """
        item = dict(data)
        for key in self.key_iterator(item):
            image, *_ = convert_data_type(item[key], Tensor)
            item[key] = convert_to_dst_type(median_3x3(image), item[key])[0]
        return item


def median_3x3(image: Tensor) -> Tensor:
    """Median of each pixel's 3x3 neighbourhood; beyond the border the nearest pixel counts.

    Nine values in three sorted columns have for their median that of three: the largest of the columns' least, the
    median of their medians, the least of their largest. (Minima and maxima keep the order, so that it is enough that
    this holds for zeros and ones, and there are 512 neighbourhoods of those.) A column sorted once serves three
    neighbourhoods.

    Args:
        image: CHW, whole or floating-point numbers.

    Returns:
        CHW, of the image's type.

    Raises:
        ValueError: for an image that is not CHW.
    """
    if image.ndim != 3:
        raise ValueError(f"image must be CHW, got the shape {tuple(image.shape)}.")
    padded = pad(image[None], (1, 1, 1, 1), mode="replicate")[0]
    above, here, below = padded[:, :-2], padded[:, 1:-1], padded[:, 2:]
    least = torch.minimum(torch.minimum(above, here), below)
    largest = torch.maximum(torch.maximum(above, here), below)
    left, middle, right = _three_columns(least)
    largest_of_least = torch.maximum(torch.maximum(left, middle), right)
    left, middle, right = _three_columns(largest)
    least_of_largest = torch.minimum(torch.minimum(left, middle), right)
    medians = _median_of_three(*_three_columns(_median_of_three(above, here, below)))
    return _median_of_three(largest_of_least, medians, least_of_largest)


def _three_columns(columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return columns[..., :-2], columns[..., 1:-1], columns[..., 2:]


def _median_of_three(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(a, b), torch.minimum(torch.maximum(a, b), c))
