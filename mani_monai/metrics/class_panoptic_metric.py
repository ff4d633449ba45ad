"""Panoptic quality of each type of nucleus: its counts, its MONAI metric and the metric's handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch
from monai.handlers import IgniteMetricHandler
from monai.metrics import CumulativeIterationMetric
from numpy.typing import NDArray
from torch import Tensor

from .arithmetic import mean_of_scored
from .empty_rules import HEADLINE_RULE, apply_empty_rule, check_empty_rule
from .overlap_table import InstanceMap, as_instance_map, compute_overlap_table
from .panoptic_counts import MATCH_IOU, PanopticCounts

Types = InstanceMap | Mapping[int, int]


def compute_class_counts(
    prediction: InstanceMap, prediction_types: Types, label: InstanceMap, label_types: Types, num_classes: int
) -> PanopticCounts:
    """Counts of one image class by class, as if each class were an image of its own.

    A nucleus has one type. In a map of types it is the one of most of its pixels, background aside; a nucleus without
    a typed pixel belongs to no class.

    Args:
        prediction: HxW ids, 0 is background.
        prediction_types: HxW types, or the type of each id; 1 to ``num_classes``, 0 is none.
        label: HxW ids, likewise.
        label_types: HxW types, or the type of each id.
        num_classes: C, background not counted.

    Returns:
        four arrays of C.

    Raises:
        ValueError: when a map is not HxW of integers >= 0, shapes differ, a type is above ``num_classes`` or an id has
            none.
    """
    table = compute_overlap_table(prediction, label)
    predicted = _types(prediction, prediction_types, table.prediction_ids, num_classes, "prediction_types")
    true = _types(label, label_types, table.label_ids, num_classes, "label_types")
    iou = table.iou
    matched = (iou > MATCH_IOU) & (predicted[table.prediction_index] == true[table.label_index])
    pairs = true[table.label_index[matched]]

    def count(types: NDArray[np.int64], weights: NDArray[np.float64] | None = None) -> NDArray[np.number]:
        return np.bincount(types, weights, minlength=num_classes + 1)[1:]

    tp = count(pairs)
    return PanopticCounts(tp, count(predicted) - tp, count(true) - tp, count(pairs, iou[matched]))


def _types(
    instances: InstanceMap, types: Types, ids: NDArray[np.integer], num_classes: int, name: str
) -> NDArray[np.int64]:
    """The type of each id; the ids are those of a table, in its order."""
    if isinstance(types, Mapping):
        missing = [int(i) for i in ids if int(i) not in types]
        if missing:
            raise ValueError(f"{name} must hold a type for every id, got none for {missing[:5]}.")
        found = np.array([types[int(i)] for i in ids], np.int64)
        _check_types(found, num_classes, name)
    else:
        regions = as_instance_map(types, name)
        if regions.shape != tuple(instances.shape):
            raise ValueError(f"{name} must be of the instances' shape {(*instances.shape,)}, got {regions.shape}.")
        _check_types(regions, num_classes, name)
        shares = compute_overlap_table(regions, instances)  # a type is a region like another
        best = shares.best_of_each_label(shares.intersection)
        found = np.zeros(len(ids), np.int64)
        found[shares.label_index[best]] = shares.prediction_ids[shares.prediction_index[best]]
    return found


def _check_types(types: NDArray[np.integer], num_classes: int, name: str) -> None:
    if types.size and not 0 <= types.min() <= types.max() <= num_classes:
        raise ValueError(f"{name} must be 0 to {num_classes}, got {types.min()} to {types.max()}.")


class ClassPanopticMetric(CumulativeIterationMetric):
    """mPQ: the mean over images of each image's mean PQ over classes (PanNuke).

    Takes what MONAI's ``PanopticQualityMetric`` takes, which pools nuclei over images instead; attach it by MONAI's
    ``IgniteMetricHandler``.

    Args:
        num_classes: C, background not counted.
        empty_rule: what a class without nuclei in an image scores, see ``apply_empty_rule``.
    """

    def __init__(self, num_classes: int, empty_rule: str = HEADLINE_RULE) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes must be >= 1, got {num_classes}.")
        check_empty_rule(empty_rule)
        self.num_classes = num_classes
        self.empty_rule = empty_rule

    def _compute_tensor(self, y_pred: Tensor, y: Tensor) -> Tensor:
        """
        Args:
            y_pred: B2HW integers, ids and types (1 to C) of the predicted nuclei; 0 is background.
            y: B2HW integers, ids and types of the labels.

        Returns:
            B x C x 4: tp, fp, fn and the sum of IoUs.
        """
        if y_pred.shape != y.shape or y.ndim != 4 or y.shape[1] != 2:
            raise ValueError(f"y_pred and y must be B2HW of one shape, got {(*y_pred.shape,)} and {(*y.shape,)}.")
        counts = [
            compute_class_counts(prediction[0], prediction[1], label[0], label[1], self.num_classes)
            for prediction, label in zip(y_pred, y, strict=True)
        ]
        return torch.from_numpy(PanopticCounts.stack(counts).as_array())

    def get_counts(self) -> PanopticCounts:
        """Counts of the N images so far, of all ranks: four arrays of N x C.

        Raises:
            ValueError: when no image was scored yet.
        """
        counts = cast("Tensor | None", super().get_buffer())
        if counts is None:
            raise ValueError("no image was scored yet.")
        return PanopticCounts.from_array(counts.numpy(force=True))

    def get_buffer(self) -> Tensor:
        """N x C: PQ of each class in each image, of all ranks; nan where the rule leaves a class out."""
        counts = self.get_counts()
        return torch.from_numpy(apply_empty_rule(counts.pq, counts, self.empty_rule))

    def aggregate(self) -> Tensor:
        """mPQ, a scalar."""
        return torch.tensor(mean_of_scored(mean_of_scored(self.get_buffer().numpy(), axis=1)))


CLASS_COUNTS = "class_counts"


class ClassMetricsHandler(IgniteMetricHandler):
    """Puts mPQ into ``engine.state.metrics``, and each image's counts into ``engine.state.metric_details``.

    The details are "class_counts", N x 4C: tp, fp, fn and the sum of IoUs of each class, which
    ``PanopticCounts.from_array`` reads as N x C x 4.

    Args:
        num_classes: C, background not counted.
        output_transform: picks prediction and label, B2HW ids and types each, from the engine's output.
        empty_rule: what a class without nuclei in an image scores, see ``apply_empty_rule``.
    """

    def __init__(
        self,
        num_classes: int,
        output_transform: Callable[[Any], Any] = lambda x: x,
        empty_rule: str = HEADLINE_RULE,
    ) -> None:
        super().__init__(ClassPanopticMetric(num_classes, empty_rule), output_transform=output_transform)

    def compute(self) -> float:
        """Fills the engine's details and returns mPQ."""
        metric, state = cast("ClassPanopticMetric", self.metric_fn), cast("Any", self._engine).state
        mpq = float(metric.aggregate())
        counts = torch.from_numpy(metric.get_counts().as_array())
        state.metric_details[CLASS_COUNTS] = counts.flatten(1)
        self._is_reduced = True
        return mpq
