"""mPQ of an evaluator, with the counts of every class that other rules and aggregations need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from monai.handlers import IgniteMetricHandler

from .class_panoptic_metric import ClassPanopticMetric
from .empty_rules import HEADLINE_RULE

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
