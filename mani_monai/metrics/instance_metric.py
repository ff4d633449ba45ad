"""The six instance figures as a MONAI metric, and the handler that scores each image once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from ignite.engine import Engine
from monai.handlers import IgniteMetricHandler
from monai.metrics import CumulativeIterationMetric
from monai.utils import ensure_tuple
from torch import Tensor

from .arithmetic import mean_of_scored
from .empty_rules import HEADLINE_RULE, apply_empty_rule, check_empty_rule
from .instance_scores import FIGURES, compute_instance_scores
from .panoptic_counts import PanopticCounts


class InstanceMetric(CumulativeIterationMetric):
    """Dice, AJI, AJI+, DQ, SQ and PQ of instance maps: scored image by image, then averaged over images.

    MONAI's ``PanopticQualityMetric`` pools nuclei over images and gives other figures.

    With one figure, MONAI's ``IgniteMetricHandler`` makes it an evaluator's metric. For all of them use
    ``InstanceMetricsHandler``.

    Example::

        metric = InstanceMetric()
        metric(y_pred=instances, y=label)
        metric.aggregate()["pq"]

    Args:
        metric_name: one or more of "dice", "aji", "aji_plus", "dq", "sq", "pq".
        empty_rule: what an image without nuclei scores, see ``apply_empty_rule``.
    """

    def __init__(self, metric_name: Sequence[str] | str = FIGURES, empty_rule: str = HEADLINE_RULE) -> None:
        super().__init__()
        self.names = ensure_tuple(metric_name)
        unknown = [name for name in self.names if name not in FIGURES]
        if unknown or not self.names:
            raise ValueError(f"metric_name must be of {FIGURES}, got {metric_name!r}.")
        check_empty_rule(empty_rule)
        self.empty_rule = empty_rule

    def _compute_tensor(self, y_pred: Tensor, y: Tensor) -> Tensor:
        """
        Args:
            y_pred: B1HW ids of any integer type, 0 is background.
            y: B1HW ids of the labels.

        Returns:
            B x 10: the six figures before any rule, then tp, fp, fn and the sum of IoUs.
        """
        if y_pred.shape != y.shape or y.ndim != 4 or y.shape[1] != 1:
            raise ValueError(f"y_pred and y must be B1HW of one shape, got {(*y_pred.shape,)} and {(*y.shape,)}.")
        rows = []
        for prediction, label in zip(y_pred[:, 0], y[:, 0], strict=True):
            scores = compute_instance_scores(prediction, label)
            rows.append([*scores.figures().values(), *scores.counts.as_array()])
        return torch.tensor(rows, dtype=torch.float64)

    def get_counts(self) -> PanopticCounts:
        """Counts of the N images so far, of all ranks: four arrays of N."""
        return PanopticCounts.from_array(self._rows()[:, len(FIGURES) :])

    def get_buffer(self) -> Tensor:
        """N x M: the figures asked for of the N images so far, of all ranks; nan where the rule leaves one out."""
        rows, counts = self._rows(), self.get_counts()
        columns = [apply_empty_rule(rows[:, FIGURES.index(name)], counts, self.empty_rule) for name in self.names]
        return torch.from_numpy(np.stack(columns, axis=1))

    def aggregate(self) -> Tensor | dict[str, float]:
        """Means over the images that the rule does not leave out: one figure as a scalar, several by name.

        Raises:
            ValueError: when no image was scored yet.
        """
        means = mean_of_scored(self.get_buffer().numpy())
        if len(self.names) == 1:
            return torch.tensor(means[0])
        return dict(zip(self.names, means.tolist(), strict=True))

    def _rows(self) -> np.ndarray:
        rows = cast("Tensor | None", super().get_buffer())
        if rows is None:
            raise ValueError("no image was scored yet.")
        return rows.numpy(force=True)


class InstanceMetricsHandler(IgniteMetricHandler):
    """Puts Dice, AJI, AJI+, DQ, SQ and PQ into ``engine.state.metrics``, whichever of them it is attached as.

    MONAI's own handler records one figure, or several under a name that cannot be the key metric. In
    ``engine.state.metric_details``: each figure of every image (N x 1) by its name, "count_error" likewise, and
    "counts" (N x 4: tp, fp, fn, sum of IoUs), which ``PanopticCounts.from_array`` reads.

    Example::

        key_val_metric={"pq": InstanceMetricsHandler(from_engine(["pred", "label"]))}

    Args:
        output_transform: picks prediction and label, B1HW ids or lists of 1HW ids, from the engine's output.
        empty_rule: what an image without nuclei scores, see ``apply_empty_rule``.
        figures: which of the six are recorded; without "dice" where another metric has that name.
    """

    def __init__(
        self,
        output_transform: Callable[[Any], Any] = lambda x: x,
        empty_rule: str = HEADLINE_RULE,
        figures: Sequence[str] = FIGURES,
    ) -> None:
        super().__init__(InstanceMetric(figures, empty_rule), output_transform=output_transform)

    def attach(self, engine: Engine, name: str) -> None:
        """
        Args:
            engine: an evaluator.
            name: one of its figures, two or more: the evaluator's key metric where it is attached as that.

        Raises:
            ValueError: when the name is none of them.
        """
        figures = cast("InstanceMetric", self.metric_fn).names
        if name not in figures or len(figures) < 2:
            raise ValueError(f"name must be one of two or more figures, got {name!r} of {figures}.")
        super().attach(engine, name)

    def compute(self) -> float:
        """Fills the engine's state and returns the figure that it is attached as."""
        metric, state = cast("InstanceMetric", self.metric_fn), cast("Any", self._engine).state
        means, images = cast("dict[str, float]", metric.aggregate()), metric.get_buffer()
        state.metrics.update(means)
        state.metric_details.update({name: images[:, i : i + 1] for i, name in enumerate(metric.names)})
        counts = metric.get_counts()
        state.metric_details["count_error"] = torch.from_numpy(counts.count_error[:, None])
        state.metric_details["counts"] = torch.from_numpy(counts.as_array())
        self._is_reduced = True
        return means[cast("str", self._name)]
