"""Scores of nuclei and how many of them are right."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.evaluation.calibration import (
    calibration_error,
    fit_temperature,
    matched_nuclei,
    reliability,
)
from mani_monai.transforms.nuclei_table import calibrated
from mani_monai.utils import InputError


def test_a_nucleus_is_right_above_half_the_union():
    label = np.array([[1, 1, 1, 1, 0, 0, 2, 2]])
    prediction = np.array([[9, 9, 9, 0, 4, 0, 0, 5]])  # IoU 3/4, nothing, 1/2
    assert matched_nuclei(prediction, label).tolist() == [False, False, True]  # 4, 5, 9
    assert matched_nuclei(np.zeros((1, 8), int), label).tolist() == []


def test_temperature_one_changes_nothing_and_a_higher_one_doubts():
    scores = [0.0, 0.2, 0.5, 0.9, 1.0]
    np.testing.assert_allclose(calibrated(scores, 1.0), scores, atol=2e-6)
    np.testing.assert_allclose(calibrated([0.9], 2.0), [3 / 4])  # odds of 9 become 3
    assert (np.diff(calibrated(scores, 5.0)) > 0).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_drawn_nuclei_is_found(temperature):
    random = np.random.default_rng(0)
    scores = random.uniform(0.5, 0.999, 40000)
    matched = random.uniform(size=40000) < calibrated(scores, temperature)
    assert fit_temperature(scores, matched) == pytest.approx(temperature, rel=0.05)
    rows = reliability(calibrated(scores, temperature), matched)
    assert calibration_error(rows) < 0.01
    if temperature > 1:
        assert calibration_error(reliability(scores, matched)) > 0.1


@pytest.mark.parametrize("matched", [[], [True, True], [False]])
def test_nothing_to_fit(matched):
    with pytest.raises(InputError, match="take more labelled images"):
        fit_temperature([0.9] * len(matched), matched)


def test_a_row_an_interval():
    rows = reliability([0.6, 0.69, 0.7, 1.0, 0.4], [True, False, True, True, True], edges=(0.5, 0.6, 0.7, 1.0))
    assert rows == [
        {"from": 0.6, "to": 0.7, "nuclei": 2, "score": pytest.approx(0.645), "right": 0.5},
        {"from": 0.7, "to": 1.0, "nuclei": 2, "score": pytest.approx(0.85), "right": 1.0},
    ]
    assert calibration_error(rows) == pytest.approx((0.145 + 0.15) / 2)
