"""What random changes of an image's colours share: the item, its images' types, and one draw for all of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import convert_data_type, convert_to_dst_type
from torch import Tensor


class RandColoursd(RandomizableTransform, MapTransform):
    """Changes the colours of an item's images at random, all by the same draw; a subclass says what and how much.

    A subclass draws in ``randomize``, which sets ``_do_transform`` too, and applies its draw in ``recolour``.

    Args:
        keys: keys of 3HW RGB images in 0..255, uint8 or floating point; all get the same change.
        prob: probability that anything is changed.
        allow_missing_keys: leave an item without the key as it is.
    """

    def __init__(self, keys: KeysCollection, prob: float = 1.0, allow_missing_keys: bool = False) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)

    @abstractmethod
    def recolour(self, image: Tensor) -> Tensor:
        """Applies what was drawn.

        Args:
            image: 3HW float32 RGB in 0..255, left as it is.

        Returns:
            a new 3HW image in 0..255.
        """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with its images changed, of the type that they had; rounded where those are whole numbers.
        """
        item = dict(data)
        self.randomize(None)
        if self._do_transform:
            for key in self.key_iterator(item):
                values = item[key]
                image = self.recolour(convert_data_type(values, Tensor, dtype=torch.float32)[0])
                whole = not convert_data_type(values, Tensor)[0].is_floating_point()
                item[key] = convert_to_dst_type(image.round_() if whole else image, values)[0]
        return item
