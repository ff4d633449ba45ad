"""The MONAI metric: what it takes, keeps and averages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.metrics import PanopticQualityMetric

from mani_monai.metrics import FIGURES, InstanceMetric, compute_instance_metrics, compute_instance_scores


@pytest.fixture
def batch(tissue):
    """Prediction and label of four images, B1HW: two of nuclei, one without any, one with false positives alone."""
    pairs = [tissue(0), tissue(1, nuclei=6)]
    nothing = np.zeros_like(pairs[0][0])
    pairs += [(nothing, nothing), (pairs[0][0], nothing)]
    return tuple(torch.from_numpy(np.stack(maps)[:, None]) for maps in zip(*pairs, strict=True))


def test_mean_over_images_without_empty_ones(batch):
    prediction, label = batch
    metric = InstanceMetric()
    metric(y_pred=prediction[:2], y=label[:2])
    metric(y_pred=list(prediction[2:]), y=list(label[2:]))  # a list of 1HW
    each = [compute_instance_metrics(prediction[i, 0], label[i, 0]) for i in range(4)]
    assert metric.aggregate() == pytest.approx({name: (each[0][name] + each[1][name]) / 2 for name in FIGURES})
    assert metric.get_buffer().shape == (4, 6)
    assert torch.isnan(metric.get_buffer()[2:]).all()
    expected = [compute_instance_scores(prediction[i, 0], label[i, 0]).counts.as_array() for i in range(4)]
    np.testing.assert_allclose(metric.get_counts().as_array(), expected)
    metric.reset()
    with pytest.raises(ValueError, match="no image was scored yet"):
        metric.aggregate()


@pytest.mark.parametrize(("rule", "divisor", "ones"), [("both_empty_1", 4, 1), ("both_empty_0", 4, 0)])
def test_empty_rule(batch, rule, divisor, ones):
    prediction, label = batch
    metric = InstanceMetric(["aji", "dice"], empty_rule=rule)
    metric(y_pred=prediction, y=label)
    each = [compute_instance_metrics(prediction[i, 0], label[i, 0]) for i in range(2)]
    expected = {name: (each[0][name] + each[1][name] + ones) / divisor for name in ("aji", "dice")}
    assert metric.aggregate() == pytest.approx(expected)
    assert list(metric.aggregate()) == ["aji", "dice"]


def test_one_figure_is_a_scalar(batch):
    prediction, label = batch
    metric = InstanceMetric("pq", empty_rule="skip_both_empty")
    metric(y_pred=prediction, y=label)
    each = [compute_instance_metrics(prediction[i, 0], label[i, 0])["pq"] for i in (0, 1, 3)]
    assert metric.aggregate().item() == pytest.approx(sum(each) / 3)
    assert metric.get_buffer().shape == (4, 1)


def test_pooled_counts_are_what_monai_pools(batch):
    prediction, label = (maps[:2] for maps in batch)
    metric, monai = InstanceMetric("pq"), PanopticQualityMetric(num_classes=1)
    metric(y_pred=prediction, y=label)
    monai(*(torch.cat([maps, (maps > 0).long()], dim=1) for maps in (prediction, label)))
    tp, fp, fn, iou_sum = metric.get_counts().as_array().sum(axis=0)
    assert iou_sum / (tp + fp / 2 + fn / 2) == pytest.approx(monai.aggregate().item(), abs=1e-5)
    assert metric.aggregate().item() != pytest.approx(monai.aggregate().item(), abs=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric_name": "rq"}, "metric_name must be of .*got 'rq'"),
        ({"metric_name": []}, "metric_name must be of"),
        ({"empty_rule": "none"}, "empty_rule must be one of .*got 'none'"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        InstanceMetric(**options)


def test_shapes_are_checked():
    maps = torch.ones(2, 1, 4, 4, dtype=torch.long)
    for other in (maps[:, 0], maps.repeat(1, 2, 1, 1), maps[:1]):
        with pytest.raises(ValueError, match="y_pred and y must be B1HW of one shape, got"):
            InstanceMetric()(y_pred=other, y=maps)
    with pytest.raises(ValueError, match="must be B1HW"):
        InstanceMetric()(y_pred=maps.repeat(1, 2, 1, 1), y=maps.repeat(1, 2, 1, 1))
    with pytest.raises(ValueError, match="prediction must be an HxW map of integers, got float32"):
        InstanceMetric()(y_pred=maps.float(), y=maps)
