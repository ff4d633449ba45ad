"""Nuclei of a prediction that one may learn from, and the label that they make."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops

from .nuclei_seams import MarkSeamsd

UNSURE = 2
"""Value of a pixel that takes no part, in a label of classes."""
UNSURE_ID = 65535
"""The same in a label of ids."""


@dataclass(frozen=True)
class SureRule:
    """What makes a nucleus sure. After Cho et al. (MICCAI 2021), who filter instances by shape and confidence.

    Attributes:
        certainty: mean probability of its pixels, at least.
        agreement: intersection over union with a nucleus of every other view, at least.
        solidity: its area over that of its convex hull, at least.
        smallest: area as a part of the median of all nuclei, at least.
        largest: likewise, at most.
        background: probability below which a pixel outside of all nuclei is background.
        ring: pixels around a sure nucleus that are background, but for other nuclei.
    """

    certainty: float = 0.8
    agreement: float = 0.7
    solidity: float = 0.9
    smallest: float = 0.25
    largest: float = 4.0
    background: float = 0.2
    ring: int = 2


RULE = SureRule()


def sure_label(
    instances: NDArray[np.int32],
    probability: NDArray[np.float32],
    views: Sequence[NDArray[np.int32]],
    rule: SureRule = RULE,
    median_area: float | None = None,
) -> NDArray[np.int32]:
    """A label of the sure nuclei alone, each drawn anew as a whole.

    Args:
        instances: HW ids, 0 background.
        probability: HW, of nuclei, the mean over all views.
        views: HW ids of the same image as it was turned or reflected, turned back.
        rule: what is sure.
        median_area: of nuclei, in pixels; that of this image by default.

    Returns:
        HW ids 1..N of sure nuclei, 0 sure background, ``UNSURE_ID`` elsewhere.
    """
    regions = regionprops(instances)
    typical = median_area or float(np.median([region.area for region in regions] or [1.0]))
    means = ndimage.mean(probability, instances, np.arange(instances.max(initial=0) + 1))
    overlaps = [_best_overlap(instances, view) for view in views]

    def sure(region: Any) -> bool:
        sized = rule.smallest * typical <= region.area <= rule.largest * typical
        agreed = all(found[region.label] >= rule.agreement for found in overlaps)
        return bool(sized and agreed and means[region.label] >= rule.certainty and region.solidity >= rule.solidity)

    kept = np.zeros(instances.max(initial=0) + 1, np.int32)
    for number, region in enumerate([region for region in regions if sure(region)], 1):
        kept[region.label] = number
    label = kept[instances]
    seen = (instances > 0) | np.any([view > 0 for view in views], axis=0) if views else instances > 0
    near = ndimage.binary_dilation(label > 0, iterations=rule.ring) & (instances == 0)
    background = near | (~seen & (probability < rule.background))
    return np.where((label > 0) | background, label, UNSURE_ID).astype(np.int32)


def _best_overlap(instances: NDArray[np.int32], view: NDArray[np.int32]) -> NDArray[np.float64]:
    """By id, the largest intersection over union with a nucleus of another map."""
    best = np.zeros(instances.max(initial=0) + 1)
    both = (instances > 0) & (view > 0)
    pairs, counts = np.unique(np.stack([instances[both], view[both]]), axis=1, return_counts=True)
    areas, others = np.bincount(instances.ravel()), np.bincount(view.ravel())
    np.maximum.at(best, pairs[0], counts / (areas[pairs[0]] + others[pairs[1]] - counts))
    return best


def mark_unsure(label: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Turns ids into three classes.

    Args:
        label: HW ids as of :func:`sure_label`.

    Returns:
        HW: 0 background, 1 nuclei, 2 unsure (``UNSURE``).
    """
    return np.where(label == UNSURE_ID, UNSURE, label > 0).astype(np.uint8)


class LeaveUnsureOutd(MapTransform):
    """Takes unsure pixels out of a score: background in the label, and no tissue, where ``BackgroundOffTissued`` has
    the prediction be background, too.

    Args:
        keys: keys of 1HW classes, as of :class:`MarkUnsured`; they become 0 background, 1 nuclei.
        tissue_key: 1HW, nought where there is no tissue; all of an item without it is.
        allow_missing_keys: leave an item without the key as it is.
    """

    def __init__(self, keys: KeysCollection, tissue_key: str = "tissue", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.tissue_key = tissue_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with its labels, of the type that they had, and its tissue.
        """
        item = dict(data)
        for key in self.key_iterator(item):
            classes = convert_data_type(item[key], np.ndarray)[0]
            sure = classes != UNSURE
            item[key] = convert_to_dst_type((classes > 0) & sure, item[key])[0]
            tissue = torch.as_tensor(sure, dtype=torch.uint8)
            item[self.tissue_key] = tissue * item[self.tissue_key] if self.tissue_key in item else tissue
        return item


class MarkUnsured(MarkSeamsd):
    """``mark_unsure`` of labels of ids.

    Args:
        keys: keys of 1HW ids.
        allow_missing_keys: leave an item without the key as it is.
    """

    mark = staticmethod(mark_unsure)
