"""What panoptic quality is made of (Kirillov et al. 2019), as counts that can be summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arithmetic import ratio
from .overlap_table import OverlapTable

MATCH_IOU = 0.5  # above it a nucleus has one match at most


@dataclass(frozen=True, eq=False)
class PanopticCounts:
    """Matched and unmatched nuclei of one image, or of many: four numbers, or four arrays of one shape."""

    tp: ArrayLike  # pairs with IoU > 0.5
    fp: ArrayLike  # predictions without a match
    fn: ArrayLike  # labels without a match
    iou_sum: ArrayLike  # sum of the IoUs of the pairs

    @classmethod
    def from_array(cls, array: ArrayLike) -> PanopticCounts:
        """The inverse of ``as_array``."""
        return cls(*np.moveaxis(np.asarray(array), -1, 0))

    @classmethod
    def stack(cls, counts: Sequence[PanopticCounts]) -> PanopticCounts:
        """One along a new first axis, of many of the same shape."""
        return cls.from_array(np.stack([count.as_array() for count in counts]))

    def as_array(self) -> NDArray[np.float64]:
        """... x 4: tp, fp, fn, iou_sum."""
        return np.stack((self.tp, self.fp, self.fn, self.iou_sum), axis=-1).astype(np.float64)

    @property
    def dq(self) -> NDArray[np.float64]:
        """Detection quality, tp / (tp + fp / 2 + fn / 2); nan where both maps are empty."""
        return ratio(self.tp, self._nuclei)

    @property
    def sq(self) -> NDArray[np.float64]:
        """Segmentation quality, the mean IoU of the pairs; 0 where there is none, nan where both maps are empty.

        hover_net divides by tp + 1e-6: at most 1e-6 less, and a map beside itself does not score 1.
        """
        return np.where(np.isnan(self.dq), np.nan, ratio(self.iou_sum, np.maximum(self.tp, 1)))

    @property
    def pq(self) -> NDArray[np.float64]:
        """Panoptic quality, dq x sq; nan where both maps are empty."""
        return ratio(self.iou_sum, self._nuclei)

    @property
    def count_error(self) -> NDArray[np.float64]:
        """By which share of the true number of nuclei the found one differs; nan where the label has none."""
        return ratio(np.abs(np.asarray(self.fp) - self.fn), np.asarray(self.tp) + self.fn)

    @property
    def label_empty(self) -> NDArray[np.bool_]:
        """Where the label has no nucleus."""
        return np.asarray(self.tp) + self.fn == 0

    @property
    def both_empty(self) -> NDArray[np.bool_]:
        """Where neither map has a nucleus."""
        return self._nuclei == 0

    @property
    def _nuclei(self) -> NDArray[np.float64]:
        return np.asarray(self.tp) + 0.5 * np.asarray(self.fp) + 0.5 * np.asarray(self.fn)


def compute_panoptic_counts(table: OverlapTable) -> PanopticCounts:
    """Counts of one image.

    Args:
        table: overlaps of prediction and label.

    Returns:
        four numbers.
    """
    iou = table.iou
    matched = iou[iou > MATCH_IOU]
    tp = len(matched)
    return PanopticCounts(tp, len(table.prediction_areas) - tp, len(table.label_areas) - tp, float(matched.sum()))
