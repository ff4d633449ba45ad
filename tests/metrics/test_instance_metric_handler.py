"""A stock evaluator with the six figures, by the project's handler and by MONAI's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.handlers import IgniteMetricHandler, MetricsSaver, from_engine

from mani_monai.metrics import FIGURES, InstanceMetric, InstanceMetricsHandler, PanopticCounts, compute_instance_metrics

OUTPUT = from_engine(["pred", "label"])


@pytest.fixture
def evaluate(tissue):
    """Runs an evaluator whose network lets its input through: five images, the last without nuclei, in batches."""
    pairs = [tissue(seed) for seed in range(4)]
    pairs.append((pairs[0][0], np.zeros_like(pairs[0][1])))
    items = [{"image": torch.from_numpy(p[None]), "label": torch.from_numpy(t[None])} for p, t in pairs]

    def run(key: dict[str, object], **options: object) -> SupervisedEvaluator:
        evaluator = SupervisedEvaluator(
            device=torch.device("cpu"),
            val_data_loader=DataLoader(Dataset(items), batch_size=2),
            network=torch.nn.Identity(),
            key_val_metric=key,
            **options,
        )
        evaluator.run()
        return evaluator

    run.expected = [compute_instance_metrics(*pair) for pair in pairs]
    return run


@pytest.mark.filterwarnings("ignore:Mean of empty slice")  # MONAI's, of the image without nuclei
def test_the_evaluator_has_all_six_and_pq_is_its_key(evaluate, tmp_path):
    saver = MetricsSaver(str(tmp_path), metrics="*", metric_details="*", batch_transform=lambda batch: [])
    evaluator = evaluate({"pq": InstanceMetricsHandler(OUTPUT)}, val_handlers=[saver])
    means = {name: np.mean([scores[name] for scores in evaluate.expected[:4]]) for name in FIGURES}
    assert evaluator.state.metrics == pytest.approx(means)
    assert evaluator.state.key_metric_name == "pq"
    assert evaluator.state.best_metric == pytest.approx(means["pq"])

    details = evaluator.state.metric_details
    for name in FIGURES:
        assert details[name].shape == (5, 1)
        assert details[name][:4, 0].tolist() == pytest.approx([scores[name] for scores in evaluate.expected[:4]])
        assert torch.isnan(details[name][4, 0])
    counts = PanopticCounts.from_array(details["counts"])
    np.testing.assert_allclose(counts.pq, [scores["pq"] for scores in evaluate.expected])
    assert {path.name for path in tmp_path.iterdir()} >= {"metrics.csv", "pq_raw.csv", "aji_plus_raw.csv"}


def test_some_figures_leave_the_others_names_alone(evaluate):
    evaluator = evaluate({"pq": InstanceMetricsHandler(OUTPUT, figures=["aji", "pq"])})
    means = {name: np.mean([scores[name] for scores in evaluate.expected[:4]]) for name in ("aji", "pq")}
    assert evaluator.state.metrics == pytest.approx(means)
    details = evaluator.state.metric_details
    assert details.keys() == {"aji", "pq", "count_error", "counts"}
    counts = PanopticCounts.from_array(details["counts"])
    np.testing.assert_allclose(details["count_error"][:, 0], counts.count_error)


def test_a_second_run_starts_anew(evaluate):
    evaluator = evaluate({"aji": InstanceMetricsHandler(OUTPUT, empty_rule="skip_both_empty")})
    first = dict(evaluator.state.metrics)
    evaluator.run()
    assert evaluator.state.metrics == first
    assert len(evaluator.state.metric_details["aji"]) == 5
    assert first["aji"] == pytest.approx(np.mean([scores["aji"] for scores in evaluate.expected]))


def test_one_figure_by_the_stock_handler(evaluate):
    evaluator = evaluate({"quality": IgniteMetricHandler(InstanceMetric("pq"), output_transform=OUTPUT)})
    expected = [scores["pq"] for scores in evaluate.expected[:4]]
    assert evaluator.state.metrics == {"quality": pytest.approx(np.mean(expected))}
    assert evaluator.state.metric_details["quality"][:4, 0].tolist() == pytest.approx(expected)


def test_it_is_attached_as_a_figure():
    with pytest.raises(ValueError, match=r"name must be one of two or more figures, got 'quality'"):
        InstanceMetricsHandler().attach(Engine(lambda engine, batch: None), "quality")
    with pytest.raises(ValueError, match="name must be one of two or more figures, got 'pq'"):
        InstanceMetricsHandler(figures=["pq"]).attach(Engine(lambda engine, batch: None), "pq")
