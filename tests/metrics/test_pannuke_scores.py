"""The PanNuke protocol by hand: every rule and aggregation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mani_monai.metrics import AGGREGATIONS, EMPTY_RULES, PanopticCounts, compute_pannuke_scores

# tp, fp, fn, sum of IoUs                      PQ
IMAGES = PanopticCounts.from_array(
    [
        [2, 0, 0, 1.6],  # breast              0.8
        [1, 1, 1, 0.6],  # breast              0.3
        [0, 2, 0, 0.0],  # breast, no label    0, or left out
        [3, 1, 1, 2.4],  # colon               0.6
        [0, 0, 0, 0.0],  # colon, nothing      left out, 1 or 0
    ]
)
TISSUES = ["breast", "breast", "breast", "colon", "colon"]

IMAGE = {"skip_gt_empty": 1.7 / 3, "skip_both_empty": 1.7 / 4, "both_empty_1": 2.7 / 5, "both_empty_0": 1.7 / 5}
TISSUE = {
    "skip_gt_empty": (0.55 + 0.6) / 2,
    "skip_both_empty": (1.1 / 3 + 0.6) / 2,
    "both_empty_1": (1.1 / 3 + 0.8) / 2,
    "both_empty_0": (1.1 / 3 + 0.3) / 2,
}
POOLED = {**dict.fromkeys(EMPTY_RULES, 4.6 / (6 + 4 / 2 + 2 / 2)), "skip_gt_empty": 4.6 / (6 + 2 / 2 + 2 / 2)}


@pytest.mark.parametrize("rule", EMPTY_RULES)
@pytest.mark.parametrize(("aggregation", "expected"), zip(AGGREGATIONS, (IMAGE, TISSUE, POOLED), strict=True))
def test_bpq_by_hand(rule, aggregation, expected):
    scores = compute_pannuke_scores(IMAGES, TISSUES, empty_rule=rule, aggregation=aggregation)
    assert scores.bpq == pytest.approx(expected[rule])
    assert (scores.empty_rule, scores.aggregation) == (rule, aggregation)
    assert scores.images == 5
    assert scores.scored == {"skip_gt_empty": 3, "skip_both_empty": 4}.get(rule, 5)
    assert scores.mpq is None
    assert scores.class_pq == scores.tissue_mpq == {}


def test_the_headline_is_the_mean_over_images_with_a_label():
    scores = compute_pannuke_scores(IMAGES, TISSUES)
    assert (scores.empty_rule, scores.aggregation) == ("skip_gt_empty", "image")
    assert scores.tissue_bpq == pytest.approx({"breast": 0.55, "colon": 0.6})
    assert scores.tissue_images == {"breast": 3, "colon": 2}


def test_tissues_are_pooled_where_all_is():
    scores = compute_pannuke_scores(IMAGES, TISSUES, empty_rule="skip_both_empty", aggregation="pooled")
    assert scores.tissue_bpq == pytest.approx({"breast": 2.2 / (3 + 3 / 2 + 1 / 2), "colon": 2.4 / (3 + 1 / 2 + 1 / 2)})


CLASSES = PanopticCounts.from_array(
    [
        [[1, 0, 0, 0.9], [1, 0, 0, 0.7]],  # one: 0.9, two: 0.7
        [[1, 1, 0, 0.6], [0, 0, 1, 0.0]],  # one: 0.4, two: 0
        [[0, 2, 0, 0.0], [0, 0, 0, 0.0]],  # one: no label, two: nothing
        [[3, 1, 1, 2.4], [0, 0, 0, 0.0]],  # one: 0.6, two: nothing
        [[0, 0, 0, 0.0], [0, 0, 0, 0.0]],
    ]
)


def typed(rule: str, aggregation: str):
    return compute_pannuke_scores(IMAGES, TISSUES, CLASSES, ["one", "two"], rule, aggregation)


def test_mpq_by_hand():
    scores = typed("skip_gt_empty", "image")
    assert scores.mpq == pytest.approx((0.8 + 0.2 + 0.6) / 3)
    assert scores.class_pq == pytest.approx({"one": (0.9 + 0.4 + 0.6) / 3, "two": 0.35})
    assert scores.tissue_mpq == pytest.approx({"breast": 0.5, "colon": 0.6})
    assert scores.bpq == pytest.approx(IMAGE["skip_gt_empty"])

    scores = typed("skip_both_empty", "image")
    assert scores.mpq == pytest.approx((0.8 + 0.2 + 0 + 0.6) / 4)
    scores = typed("both_empty_1", "image")
    assert scores.mpq == pytest.approx((0.8 + 0.2 + 0.5 + 0.8 + 1) / 5)
    assert scores.class_pq["two"] == pytest.approx((0.7 + 0 + 3) / 5)


def test_mpq_over_tissues_and_pooled():
    scores = typed("skip_gt_empty", "tissue")
    assert scores.mpq == pytest.approx((0.5 + 0.6) / 2)
    assert scores.class_pq == pytest.approx({"one": (0.65 + 0.6) / 2, "two": 0.35})  # colon has none of class two
    scores = typed("skip_gt_empty", "pooled")
    one, two = 3.9 / (5 + 2 / 2 + 1 / 2), 0.7 / (1 + 1 / 2)
    assert scores.class_pq == pytest.approx({"one": one, "two": two})
    assert scores.mpq == pytest.approx((one + two) / 2)
    assert typed("skip_both_empty", "pooled").class_pq["one"] == pytest.approx(3.9 / (5 + 4 / 2 + 1 / 2))


@pytest.mark.filterwarnings("error")
def test_nan_where_nothing_is_scored():
    scores = compute_pannuke_scores(PanopticCounts.from_array(np.zeros((2, 4))), ["a", "b"])
    assert np.isnan(scores.bpq)
    assert scores.scored == 0
    assert np.isnan(list(scores.tissue_bpq.values())).all()


def test_a_tissue_without_a_label_is_not_in_the_macro_mean():
    nothing = np.concatenate([IMAGES.as_array(), np.zeros((1, 4))])
    scores = compute_pannuke_scores(PanopticCounts.from_array(nothing), [*TISSUES, "skin"], aggregation="tissue")
    assert scores.bpq == pytest.approx(TISSUE["skip_gt_empty"])
    assert np.isnan(scores.tissue_bpq["skin"])


def test_scores_are_plain_values():
    for value in dataclasses.asdict(typed("skip_gt_empty", "tissue")).values():
        assert all(type(v) in (str, int, float) for v in (value.values() if isinstance(value, dict) else [value]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"empty_rule": "skip"}, "empty_rule must be one of .*got 'skip'"),
        ({"aggregation": "mean"}, "aggregation must be one of .*got 'mean'"),
        ({"tissues": ["breast"]}, r"as many images as tissues, >= 1, got \(5,\) and \(1,\)"),
        ({"class_counts": CLASSES}, r"images x class_names, \(5, 0\), got \(5, 2\)"),
        ({"class_names": ["one"]}, r"images x class_names, \(5, 1\), got \(5, 0\)"),
    ],
)
def test_input_is_checked(options, message):
    with pytest.raises(ValueError, match=message):
        compute_pannuke_scores(**{"counts": IMAGES, "tissues": TISSUES, **options})
