"""Source images in colours between their own and the target's."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform

from .tissue_colours import TissueColours, tissue_colours, to_lab, with_colours


def transfer_stains(image: np.ndarray, style: np.ndarray, share: float) -> np.ndarray:
    """Moves the mean and spread of an image's tissue in CIELAB towards those of another's (Reinhard et al. 2001).

    Args:
        image: 3HW RGB in 0..1.
        style: 3hw RGB in 0..1, of any size.
        share: of the way to the other: 0 leaves the image as it is, 1 gives it the other's mean and spread.

    Returns:
        3HW float32 RGB in 0..1; the image itself where either has no tissue.
    """
    image = image.astype(np.float32, copy=False)
    lab = to_lab(image)
    own, other = tissue_colours(lab), tissue_colours(to_lab(style.astype(np.float32, copy=False)))
    if own is None or other is None:
        return image
    mean, std = (mine + np.float32(share) * (theirs - mine) for mine, theirs in zip(own, other, strict=True))
    return with_colours(lab, own, TissueColours(mean, std))


class RandStainTransferd(RandomizableTransform, MapTransform):
    """Shows the source image in colours drawn between its own and those of the target image beside it.

    After stain mix-up (Chang et al., MICCAI 2021), which draws between the stain matrices of two images: here it is
    Reinhard's statistics that are drawn between, as in RandStainNA (Shen et al., MICCAI 2022), which draws around
    those of a data set. Unlike a jitter that knows no target, it shows no colours beyond those of both domains; the
    segmentation loss trains on what comes out, from the first iteration on.

    Args:
        keys: keys of 3HW images in 0..1 to show in other colours.
        style_key: key of the image that gives the colours, 3HW in 0..1.
        share: smallest and largest share of the way to draw from.
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
            data: an item with the images and the one that gives the colours: tensors.

        Returns:
            the item with its images in those colours.
        """
        item = dict(data)
        self.randomize()
        if self._do_transform:
            for key in self.key_iterator(item):
                image = transfer_stains(item[key].numpy(), item[self.style_key].numpy(), self.share)
                item[key] = torch.from_numpy(np.ascontiguousarray(image))
        return item
