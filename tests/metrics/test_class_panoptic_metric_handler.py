"""mPQ and the counts of classes in a stock evaluator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.handlers import from_engine

from mani_monai.metrics import CLASS_COUNTS, ClassMetricsHandler, InstanceMetricsHandler, PanopticCounts


def typed(*nuclei: tuple[int, int]) -> torch.Tensor:
    """2 x 8 x 16 ids and types: nucleus k, of 4 x 4 pixels, is of the k-th type; its first rows may be missing."""
    maps = np.zeros((2, 8, 16), np.int64)
    for number, (kind, missing) in enumerate(nuclei):
        maps[:, missing:4, 4 * number : 4 * number + 4] = np.array([number + 1, kind])[:, None, None]
    return torch.from_numpy(maps)


def test_mpq_and_counts_of_every_image():
    # image one: type 1 found with an IoU of .75 beside a miss, type 2 found exactly; image two: type 1 taken for 2
    items = [
        {"image": typed((1, 1), (2, 0)), "label": typed((1, 0), (2, 0), (1, 0))},
        {"image": typed((2, 0)), "label": typed((1, 0))},
    ]
    output = from_engine(["pred", "label"])
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(items), batch_size=1),
        network=torch.nn.Identity(),
        key_val_metric={"pq": InstanceMetricsHandler(lambda o: [[m[:1] for m in part] for part in output(o)])},
        additional_metrics={"mpq": ClassMetricsHandler(2, output)},
    )
    for _ in range(2):  # a second run starts anew
        evaluator.run()
        first = (0.75 / 1.5 + 1) / 2
        assert evaluator.state.metrics["mpq"] == pytest.approx((first + 0) / 2)
        details = evaluator.state.metric_details
        assert details[CLASS_COUNTS].tolist() == [[1, 0, 1, 0.75, 1, 0, 0, 1], [0, 0, 1, 0, 0, 1, 0, 0]]
        counts = PanopticCounts.from_array(details[CLASS_COUNTS].reshape(2, 2, 4))
        assert counts.tp.tolist() == [[1, 1], [0, 0]]
        assert len(details["pq"]) == 2
