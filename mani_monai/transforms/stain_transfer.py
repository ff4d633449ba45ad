"""Source images in colours between their own and the target's."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from torch import Tensor

from .tissue_colours import TissueColours, tissue_colours, to_lab, with_colours

COLOURS = "{}_colours"
"""Key of an image's colours beside the image's own."""


class TissueColoursd(MapTransform):
    """Measures the colours of whole images, before they are cropped, and puts them beside them.

    Of whole images, since those of a crop are those of what happens to lie in it: a crop of stroma moved to the colours
    of one full of nuclei would turn as dark and blue as these, and keep its label.

    Args:
        keys: keys of 3HW RGB images; a 2x3 float32 tensor, mean and standard deviation of L, a and b over the tissue,
            comes to lie under ``<key>_colours``: NaN where there is no tissue.
        white: the images' largest value: 255, or 1 behind a ``ScaleIntensityRanged``.
        allow_missing_keys: leave an item without the key as it is.

    Raises:
        ValueError: when ``white`` is not positive.
    """

    def __init__(self, keys: KeysCollection, white: float = 255.0, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        if white <= 0:
            raise ValueError(f"white must be > 0, got {white}.")
        self.white = white

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with the colours of its images.
        """
        item = dict(data)
        for key in self.key_iterator(item):
            found = tissue_colours(to_lab(np.asarray(item[key], np.float32) / np.float32(self.white)))
            values = np.full((2, 3), np.nan, np.float32) if found is None else np.stack(found)
            item[COLOURS.format(key)] = torch.as_tensor(values, dtype=torch.float32)
        return item


class RandStainTransferd(RandomizableTransform, MapTransform):
    """Shows the source image in colours drawn between its own and those of the target image beside it.

    Mean and spread of the tissue in CIELAB move a share of the way (Reinhard et al. 2001). After stain mix-up (Chang
    et al., MICCAI 2021), which draws between the stain matrices of two images, and RandStainNA (Shen et al., MICCAI
    2022), which draws such statistics around those of a data set. Unlike a jitter that knows no target, it shows no
    colours beyond those of both domains; the segmentation loss trains on what comes out, from the first iteration on.

    An image without tissue, or beside one without, stays as it is.

    Args:
        keys: keys of 3HW images in 0..1 to show in other colours, measured by a ``TissueColoursd``.
        style_key: key of the image that gives the colours, measured too.
        share: smallest and largest share of the way to draw from: 0 leaves an image as it is, 1 gives it the other's
            mean and spread.
        prob: probability that anything is changed.
        allow_missing_keys: leave an item without the key as it is.

    Raises:
        ValueError: when ``share`` is not such a range in 0..1.
    """

    def __init__(
        self,
        keys: KeysCollection,
        style_key: str = "target_image",
        share: tuple[float, float] = (0.0, 1.0),
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        if not 0 <= share[0] <= share[1] <= 1:
            raise ValueError(f"share must be a range in 0..1, got {share}.")
        self.style_key = style_key
        self.range = share
        self.share = share[0]

    def randomize(self, data: Any = None) -> None:
        """Draws whether to change anything, and the share."""
        super().randomize(None)
        if self._do_transform:
            self.share = self.R.uniform(*self.range)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item with the images and the one that gives the colours: tensors, and what was measured of them.

        Returns:
            the item with its images in those colours, without what was measured.
        """
        item = dict(data)
        self.randomize()
        theirs = item.pop(COLOURS.format(self.style_key), None)
        for key in self.key_iterator(item):
            own = item.pop(COLOURS.format(key))
            wanted = torch.lerp(own, theirs, self.share)
            if self._do_transform and wanted.isfinite().all():
                item[key] = _moved(item[key], own, wanted)
        return item


def _moved(image: Tensor, own: Tensor, wanted: Tensor) -> Tensor:
    """A 3HW image whose tissue had one mean and spread (2x3), with another."""
    moved = with_colours(to_lab(image.numpy()), TissueColours(*own.numpy()), TissueColours(*wanted.numpy()))
    return torch.from_numpy(np.ascontiguousarray(moved))
