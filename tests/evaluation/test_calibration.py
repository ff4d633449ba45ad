"""Scores of nuclei and how many of them are right."""

from __future__ import annotations

import numpy as np
import pytest

from mani_monai.evaluation.calibration import (
    calibration_error,
    fit_calibration,
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
    np.testing.assert_allclose(calibrated([0.9], 2.0, -np.log(3)), [0.5])


@pytest.mark.parametrize(("temperature", "bias"), [(1.0, 0.0), (3.0, 0.0), (0.5, -2.0), (2.0, 0.5)])
def test_temperature_and_bias_of_drawn_nuclei_are_found(temperature, bias):
    random = np.random.default_rng(0)
    scores = random.uniform(0.5, 0.999, 40000)
    truth = calibrated(scores, temperature, bias)
    matched = random.uniform(size=40000) < truth
    found = fit_calibration(scores, matched)
    assert found == pytest.approx((temperature, bias), rel=0.06, abs=0.06)
    assert calibration_error(reliability(calibrated(scores, *found), matched)) < 0.01
    if temperature > 1:
        assert calibration_error(reliability(scores, matched)) > 0.05


def test_wrong_nuclei_at_the_threshold_need_a_bias():
    """A temperature leaves .5 as it is, so that the half that is wrong there stays believed."""
    scores, matched = np.r_[[0.55] * 100, [0.9] * 100], np.r_[[True] * 10, [False] * 90, [True] * 90, [False] * 10]
    temperature, bias = fit_calibration(scores, matched)
    assert bias < -2
    np.testing.assert_allclose(calibrated([0.55, 0.9], temperature, bias), [0.1, 0.9], atol=1e-3)
    alone = [calibration_error(reliability(calibrated(scores, t), matched)) for t in (0.05, 0.5, 1.0, 2.0)]
    assert min(alone) > 0.15


def test_scores_that_say_nothing_keep_their_order():
    temperature, _ = fit_calibration([0.6, 0.9] * 50, [True, False] * 50)
    assert temperature == pytest.approx(100)


@pytest.mark.parametrize("matched", [[], [True, True], [False]])
def test_nothing_to_fit(matched):
    with pytest.raises(InputError, match="take more labelled images"):
        fit_calibration([0.9] * len(matched), matched)


def test_a_row_an_interval():
    rows = reliability([0.6, 0.69, 0.7, 1.0, 0.4], [True, False, True, True, True], edges=(0.5, 0.6, 0.7, 1.0))
    assert rows == [
        {"from": 0.6, "to": 0.7, "nuclei": 2, "score": pytest.approx(0.645), "right": 0.5},
        {"from": 0.7, "to": 1.0, "nuclei": 2, "score": pytest.approx(0.85), "right": 1.0},
    ]
    assert calibration_error(rows) == pytest.approx((0.145 + 0.15) / 2)
