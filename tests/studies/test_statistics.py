"""Means, spreads and intervals by hand."""

from __future__ import annotations

import math

import pytest

from studies import statistics
from studies.statistics import _drawn_means as drawn_means
from studies.statistics import paired_difference, summarise

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


def test_interval_counts_seeds_before_images():
    """Two seeds that disagree, whatever their many images say: the interval spans both."""
    row = {seed: {str(image): 0.5 + seed * 0.2 for image in range(50)} for seed in range(2)}
    other = {seed: {str(image): 0.5 for image in range(50)} for seed in range(2)}
    difference = paired_difference(row, other)
    assert difference.mean == pytest.approx(0.1)
    assert difference.low == pytest.approx(0.0)
    assert difference.high == pytest.approx(0.2)


def test_constant_difference_has_no_width():
    difference = paired_difference({0: dict.fromkeys("abcdef", 0.6)}, {0: dict.fromkeys("abcdef", 0.5)})
    assert difference.low == pytest.approx(0.1)
    assert difference.high == pytest.approx(0.1)
    assert str(difference) == "+0.100 [+0.100, +0.100]"


def test_fewer_than_six_pairs_have_no_interval():
    row, other = (
        {0: dict(zip("abc", (0.6, 0.7, 0.8), strict=True)), 1: {"d": 0.9, "e": 0.6}},
        dict.fromkeys("abcde", 0.5),
    )
    difference = paired_difference(row, {0: other, 1: other})
    assert (difference.pairs, difference.low, difference.high) == (5, None, None)
    assert str(difference) == "+0.220"
    assert paired_difference({**row, 2: {"f": 0.6}}, {key: {**other, "f": 0.5} for key in range(3)}).low is not None


def test_many_images_are_drawn_in_parts(monkeypatch):
    """A part at a time takes no more memory than is allowed and leaves the interval where it was but for chance."""
    row = {0: {str(image): 0.5 + image % 7 / 20 for image in range(400)}}
    other = {0: dict.fromkeys(row[0], 0.5)}
    whole = paired_difference(row, other, resamples=2000)
    monkeypatch.setattr(statistics, "MOST_DRAWS", 400 * 300)
    statistics._interval.cache_clear()
    drawn = []
    monkeypatch.setattr(statistics, "_drawn_means", lambda *given: drawn.append(given[1]) or drawn_means(*given))
    parts = paired_difference(row, other, resamples=2000)
    assert drawn == [300] * 6 + [200]
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high), abs=1e-3)


def test_nothing_in_common():
    with pytest.raises(ValueError, match="in common"):
        paired_difference(SCORES, {0: {"z": 1.0}})
    with pytest.raises(ValueError, match="no score"):
        summarise({})
