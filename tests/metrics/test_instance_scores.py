"""The six figures against published values, by hand, and for what has to hold on any pair of maps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mani_monai.metrics import FIGURES, compute_instance_metrics, compute_instance_scores

REFERENCE = Path(__file__).parent / "reference"
EXPECTED = json.loads((REFERENCE / "instance_metrics.json").read_text())
MAPS = np.load(REFERENCE / "instance_metrics.npz", allow_pickle=False)


def relabelled(instances, seed: int):
    """The same nuclei under ids drawn at random, with gaps."""
    generator = np.random.default_rng(seed)
    ids = generator.choice(np.arange(1, 10**6), instances.max() + 1, replace=False)
    ids[0] = 0
    return ids[instances]


@pytest.mark.parametrize("case", EXPECTED)
def test_equals_hover_net(case):
    metrics = compute_instance_metrics(MAPS[f"{case}_pred"], MAPS[f"{case}_true"])
    assert tuple(metrics) == FIGURES
    for name, value in EXPECTED[case].items():
        assert metrics[name] == pytest.approx(value, abs=1e-6, rel=0), name


def test_by_hand():
    label = np.array([[1, 1, 1, 1, 0, 2, 2, 0]])
    prediction = np.array([[5, 5, 5, 0, 0, 0, 6, 6]])
    expected = {"dice": 8 / 11, "aji": 4 / 7, "aji_plus": 4 / 7, "dq": 1 / 2, "sq": 3 / 4, "pq": 3 / 8}
    assert compute_instance_metrics(prediction, label) == pytest.approx(expected)
    assert compute_instance_scores(prediction, label).counts.as_array().tolist() == [1, 1, 1, 0.75]


@pytest.mark.parametrize("kind", ["noise", "tissue"])
@pytest.mark.parametrize("seed", range(20))
class TestProperties:
    def test_symmetric_but_for_aji(self, kind, seed, request):
        prediction, label = request.getfixturevalue(kind)(seed)
        there, back = compute_instance_metrics(prediction, label), compute_instance_metrics(label, prediction)
        for metrics in (there, back):
            metrics.pop("aji")
        assert there == pytest.approx(back, abs=1e-12, nan_ok=True)

    def test_identity_is_one(self, kind, seed, request):
        _, label = request.getfixturevalue(kind)(seed)
        if label.any():
            assert compute_instance_metrics(relabelled(label, seed), label) == dict.fromkeys(FIGURES, 1.0)

    def test_relabelling_changes_nothing(self, kind, seed, request):
        prediction, label = request.getfixturevalue(kind)(seed)
        expected = compute_instance_metrics(prediction, label)
        other = compute_instance_metrics(relabelled(prediction, seed), relabelled(label, seed + 1))
        np.testing.assert_array_equal(list(other.values()), list(expected.values()))  # to the bit

    def test_between_zero_and_one_and_in_order(self, kind, seed, request):
        prediction, label = request.getfixturevalue(kind)(seed)
        if prediction.any() or label.any():
            metrics = compute_instance_metrics(prediction, label)
            assert all(0 <= value <= 1 for value in metrics.values())
            assert metrics["pq"] == pytest.approx(metrics["dq"] * metrics["sq"])
            assert metrics["aji_plus"] <= metrics["dice"]


def test_aji_is_not_symmetric():
    one, two = np.array([[1, 1, 1, 1, 0]]), np.array([[1, 1, 2, 2, 0]])
    assert compute_instance_metrics(one, two)["aji"] == pytest.approx(4 / 8)
    assert compute_instance_metrics(two, one)["aji"] == pytest.approx(2 / 6)


@pytest.mark.filterwarnings("error")
def test_empty_maps():
    nothing, nuclei = np.zeros((4, 5), np.uint16), np.full((4, 5), 3)
    assert compute_instance_metrics(nothing, nothing) == pytest.approx(dict.fromkeys(FIGURES, np.nan), nan_ok=True)
    assert compute_instance_metrics(nothing, nuclei) == dict.fromkeys(FIGURES, 0.0)
    assert compute_instance_metrics(nuclei, nothing) == dict.fromkeys(FIGURES, 0.0)
    assert compute_instance_metrics(nuclei, nuclei) == dict.fromkeys(FIGURES, 1.0)  # and no background at all


def test_nuclei_that_do_not_touch_score_nothing():
    maps = np.array([[1, 1, 0, 0]]), np.array([[0, 0, 1, 1]])
    assert compute_instance_metrics(*maps) == dict.fromkeys(FIGURES, 0.0)
