"""PQ by class as a MONAI metric."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.handlers import IgniteMetricHandler
from monai.metrics import PanopticQualityMetric

from mani_monai.metrics import ClassPanopticMetric, compute_class_counts


@pytest.fixture
def batch(tissue):
    """Prediction and label of three images with nuclei of three classes, B2HW; no label is of the third class."""
    images = []
    for maps in zip(*(tissue(seed) for seed in range(3)), strict=True):
        classes = np.array([0, 1, 2, 3] if not images else [0, 1, 2, 2])
        images.append(np.stack([[instances, classes[instances % 3 + 1] * (instances > 0)] for instances in maps]))
    return tuple(map(torch.from_numpy, images))


def test_mean_over_classes_then_images(batch):
    prediction, label = batch
    metric = ClassPanopticMetric(num_classes=3)
    metric(y_pred=prediction, y=label)
    pq = np.array([compute_class_counts(*prediction[i], *label[i], 3).pq for i in range(3)])
    assert (pq[:, 2] == 0).all()
    assert metric.aggregate().item() == pytest.approx(pq[:, :2].mean())  # false positives of the third cost nothing
    assert torch.isnan(metric.get_buffer()[:, 2]).all()
    assert metric.get_counts().tp.shape == (3, 3)

    strict = ClassPanopticMetric(num_classes=3, empty_rule="skip_both_empty")
    strict(y_pred=list(prediction), y=list(label))
    assert strict.aggregate().item() == pytest.approx(pq.mean())


def test_counts_are_monai_s(batch):
    metric = ClassPanopticMetric(num_classes=3)
    monai = PanopticQualityMetric(num_classes=3, reduction="none", return_confusion_matrix=True)
    metric(*batch)
    monai(*batch)
    np.testing.assert_allclose(metric.get_counts().as_array(), monai.aggregate().numpy(), atol=1e-5)


def test_attaches_by_the_stock_handler(batch):
    engine = Engine(lambda engine, batch: batch)
    IgniteMetricHandler(ClassPanopticMetric(num_classes=3)).attach(engine, "mpq")
    engine.run([batch])
    metric = ClassPanopticMetric(num_classes=3)
    metric(*batch)
    assert engine.state.metrics["mpq"] == pytest.approx(metric.aggregate().item())
    assert engine.state.metric_details["mpq"].shape == (3, 3)


def test_options_and_shapes_are_checked(batch):
    with pytest.raises(ValueError, match="num_classes must be >= 1, got 0"):
        ClassPanopticMetric(0)
    with pytest.raises(ValueError, match="empty_rule must be one of"):
        ClassPanopticMetric(1, empty_rule="one")
    with pytest.raises(ValueError, match="y_pred and y must be B2HW of one shape, got"):
        ClassPanopticMetric(1)(batch[0][:, :1], batch[1][:, :1])
    with pytest.raises(ValueError, match="no image was scored yet"):
        ClassPanopticMetric(1).aggregate()
