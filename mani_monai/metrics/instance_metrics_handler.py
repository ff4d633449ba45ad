"""All six instance figures of an evaluator, from one scoring of each image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from ignite.engine import Engine
from monai.handlers import IgniteMetricHandler

from .empty_rules import HEADLINE_RULE
from .instance_metric import InstanceMetric
from .instance_scores import FIGURES


class InstanceMetricsHandler(IgniteMetricHandler):
    """Puts Dice, AJI, AJI+, DQ, SQ and PQ into ``engine.state.metrics``, whichever of them it is attached as.

    MONAI's own handler records one figure, or several under a name that cannot be the key metric. In
    ``engine.state.metric_details``: each figure of every image (N x 1) by its name, and "counts" (N x 4: tp, fp, fn,
    sum of IoUs), which ``PanopticCounts.from_array`` reads.

    Example::

        key_val_metric={"pq": InstanceMetricsHandler(from_engine(["pred", "label"]))}

    Args:
        output_transform: picks prediction and label, B1HW ids or lists of 1HW ids, from the engine's output.
        empty_rule: what an image without nuclei scores, see ``apply_empty_rule``.
    """

    def __init__(self, output_transform: Callable[[Any], Any] = lambda x: x, empty_rule: str = HEADLINE_RULE) -> None:
        super().__init__(InstanceMetric(empty_rule=empty_rule), output_transform=output_transform)

    def attach(self, engine: Engine, name: str) -> None:
        """
        Args:
            engine: an evaluator.
            name: one of the six figures: the evaluator's key metric where it is attached as that.

        Raises:
            ValueError: when the name is none of them.
        """
        if name not in FIGURES:
            raise ValueError(f"name must be one of {FIGURES}, got {name!r}.")
        super().attach(engine, name)

    def compute(self) -> float:
        """Fills the engine's state and returns the figure that it is attached as."""
        metric, state = cast("InstanceMetric", self.metric_fn), cast("Any", self._engine).state
        means, images = cast("dict[str, float]", metric.aggregate()), metric.get_buffer()
        state.metrics.update(means)
        state.metric_details.update({name: images[:, i : i + 1] for i, name in enumerate(FIGURES)})
        state.metric_details["counts"] = torch.from_numpy(metric.get_counts().as_array())
        self._is_reduced = True
        return means[cast("str", self._name)]
