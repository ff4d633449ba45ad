"""Figures of instances by tissue."""

from __future__ import annotations

import pytest

from mani_monai.evaluation import instance_report, print_instance_report, tissues_of
from mani_monai.metrics import FIGURES


def test_tissues_are_named_by_image():
    items = [{"image": "/data/images/a.png", "tissue": "Colon"}, {"image": "b.tile.png", "label": "b.png"}]
    assert tissues_of(items) == {"a": "Colon", "b.tile": "unknown"}


@pytest.fixture
def result():
    pq = {"a": 0.5, "b": 0.3, "c": 0.7, "d": None}
    scores = {figure: pq if figure == "pq" else dict.fromkeys(pq, 0.25) for figure in FIGURES}
    # one nucleus found of two with an IoU of .75: DQ 1 / 1.5, PQ .5; the image d has none
    scores["counts"] = {"a": [1, 0, 1, 0.75], "b": [1, 0, 1, 0.75], "c": [1, 0, 0, 0.7], "d": [0, 0, 0, 0]}
    tissues = {"a": "Colon", "b": "Colon", "c": "Breast", "d": "Breast"}
    return {"tissues": tissues, "empty_rule": "skip_gt_empty", "types": [], "selections": {"last": scores}}


def rows_of(report: str, words: int) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in report.splitlines() if len(line.split()) == words}


def test_report_means_over_the_scored_images_of_a_tissue(result, capsys):
    report = instance_report(result)
    assert report.splitlines()[0] == "last, means over images by tissue, empty images skip_gt_empty"
    rows = rows_of(report, 9)
    assert rows["Colon"] == ["2", "2", *["0.2500"] * 5, "0.4000"]
    assert rows["Breast"] == ["2", "1", *["0.2500"] * 5, "0.7000"]
    assert rows["all"] == ["4", "3", *["0.2500"] * 5, "0.5000"]
    assert f"bPQ {(0.5 + 0.5 + 0.7) / 3:.4f}: empty images skip_gt_empty (3 of 4 scored), aggregation image" in report
    assert "mPQ" not in report
    print_instance_report(result, "pooled")
    assert "aggregation pooled" in capsys.readouterr().out


def test_types_have_an_mpq_and_names(result):
    one, none = [1, 0, 1, 0.75], [0, 0, 0, 0]
    counts = {"a": one + none, "b": none + one, "c": none + none, "d": none + none}
    result["selections"]["last"]["class_counts"] = counts
    report = instance_report({**result, "types": ["epithelial", "other"]})
    assert "mPQ 0.5000" in report
    assert rows_of(report, 2)["epithelial"] == ["0.5000"]


def test_a_selection_that_is_not_there_is_an_error():
    with pytest.raises(KeyError):
        instance_report({"tissues": {}, "empty_rule": "skip_gt_empty", "selections": {}})
