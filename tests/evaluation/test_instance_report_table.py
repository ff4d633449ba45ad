"""The text: every figure with its rule and aggregation."""

from __future__ import annotations

from functools import partial

import pytest

from mani_monai.evaluation.instance_report import pannuke_table
from mani_monai.metrics import AGGREGATIONS, EMPTY_RULES, PanopticCounts, compute_pannuke_scores

IMAGES = PanopticCounts.from_array([[2, 0, 0, 1.6], [1, 1, 1, 0.6], [0, 2, 0, 0], [3, 1, 1, 2.4], [0, 0, 0, 0]])
TISSUES = ["Breast", "Breast", "Breast", "Bile-duct", "Bile-duct"]
CLASSES = PanopticCounts.stack([IMAGES, PanopticCounts.from_array(IMAGES.as_array()[::-1])])
CLASSES = PanopticCounts.from_array(CLASSES.as_array().swapaxes(0, 1))


def test_without_types():
    scores = partial(compute_pannuke_scores, IMAGES, TISSUES, None, ())
    lines = pannuke_table(scores).splitlines()
    assert lines[0] == "bPQ 0.5667: empty images skip_gt_empty (3 of 5 scored), aggregation image"
    assert lines[2].split() == ["bPQ", *AGGREGATIONS]
    for line, rule in zip(lines[3:7], EMPTY_RULES, strict=True):
        every = [scores(rule, how).bpq for how in AGGREGATIONS]
        assert line.split() == [rule, *(f"{bpq:.4f}" for bpq in every)]
    assert lines[8].split() == ["tissue", "images", "bPQ"]
    assert lines[9].split() == ["Bile-duct", "2", "0.6000"]
    assert lines[10].split() == ["Breast", "3", "0.5500"]
    assert len(lines) == 11


@pytest.mark.parametrize(("rule", "how"), [("both_empty_1", "tissue"), ("skip_both_empty", "pooled")])
def test_with_types(rule, how):
    every = partial(compute_pannuke_scores, IMAGES, TISSUES, CLASSES, ["dead", "epithelial"])
    text, scores = pannuke_table(every, rule, how), every(rule, how)
    first, *rest = text.splitlines()
    assert first.startswith(f"bPQ {scores.bpq:.4f}, mPQ {scores.mpq:.4f}: empty images {rule}")
    assert first.endswith(f"aggregation {how}")
    rows = [line.split() for line in rest]
    assert ["mPQ", *AGGREGATIONS] in rows
    assert ["Breast", "3", f"{scores.tissue_bpq['Breast']:.4f}", f"{scores.tissue_mpq['Breast']:.4f}"] in rows
    assert rows[-2:] == [[name, f"{pq:.4f}"] for name, pq in scores.class_pq.items()]
