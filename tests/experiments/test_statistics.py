"""Means, spreads and intervals by hand."""

from __future__ import annotations

import math

import pytest

from mani_monai.experiments.statistics import paired_difference, summarise

SCORES = {0: {"a": 0.5, "b": 0.7}, 1: {"c": 0.9}}


def test_summary_by_hand():
    summary = summarise(SCORES)
    assert summary.mean == pytest.approx(0.7)
    assert summary.seed_spread == pytest.approx(0.3 / math.sqrt(2))
    assert summary.image_spread == pytest.approx(math.sqrt((0.04 + 0 + 0.04) / 3))
    assert (summary.seeds, summary.images) == (2, 3)


def test_one_seed_has_no_spread_over_seeds():
    assert math.isnan(summarise({0: {"a": 0.5, "b": 0.7}}).seed_spread)


def test_difference_pairs_by_image_and_seed():
    other = {0: {"b": 0.6, "a": 0.2, "z": 0.0}, 2: {"c": 0.0}}
    difference = paired_difference(SCORES, other)
    assert difference.mean == pytest.approx((0.3 + 0.1) / 2)
    assert (difference.pairs, difference.seeds) == (2, 1)
    assert difference.low == pytest.approx(0.1)
    assert difference.high == pytest.approx(0.3)


def test_interval_counts_seeds_before_images():
    """Two seeds that disagree, whatever their many images say: the interval spans both."""
    row = {seed: {str(image): 0.5 + seed * 0.2 for image in range(50)} for seed in range(2)}
    other = {seed: {str(image): 0.5 for image in range(50)} for seed in range(2)}
    difference = paired_difference(row, other)
    assert difference.mean == pytest.approx(0.1)
    assert difference.low == pytest.approx(0.0)
    assert difference.high == pytest.approx(0.2)


def test_constant_difference_has_no_width():
    difference = paired_difference({0: {"a": 0.6, "b": 0.8}}, {0: {"a": 0.5, "b": 0.7}})
    assert difference.low == pytest.approx(0.1)
    assert difference.high == pytest.approx(0.1)


def test_nothing_in_common():
    with pytest.raises(ValueError, match="in common"):
        paired_difference(SCORES, {0: {"z": 1.0}})
    with pytest.raises(ValueError, match="no score"):
        summarise({})
