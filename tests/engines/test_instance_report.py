"""Figures of instances by tissue."""

from __future__ import annotations

import pytest

from mani_monai.engines import instance_report, print_instance_report, tissues_of
from mani_monai.metrics import FIGURES


def test_tissues_are_named_by_image():
    items = [{"image": "/data/images/a.png", "tissue": "Colon"}, {"image": "b.tile.png", "label": "b.png"}]
    assert tissues_of(items) == {"a": "Colon", "b.tile": "unknown"}


def test_report_means_over_the_images_of_a_tissue(capsys):
    pq = {"a": 0.5, "b": 0.3, "c": 0.7, "d": None}
    scores = {figure: pq if figure == "pq" else dict.fromkeys(pq, 0.25) for figure in FIGURES}
    # one nucleus found of two with an IoU of .75: DQ 1 / 1.5, PQ .5; the image d has none
    scores["counts"] = {"a": [1, 0, 1, 0.75], "b": [1, 0, 1, 0.75], "c": [1, 0, 0, 0.7], "d": [0, 0, 0, 0]}
    tissues = {"a": "Colon", "b": "Colon", "c": "Breast", "d": "Breast"}
    result = {"tissues": tissues, "selections": {"last": scores}}
    rows = {
        line.split()[0]: line.split()[1:] for line in instance_report(result).splitlines() if len(line.split()) == 8
    }
    assert rows["Colon"] == ["2", *["0.2500"] * 5, "0.4000"]
    assert rows["Breast"] == ["2", *["0.2500"] * 5, "0.7000"]
    assert rows["all"] == ["4", *["0.2500"] * 5, "0.5000"]
    print_instance_report(result)
    printed = capsys.readouterr().out
    assert printed == instance_report(result) + "\n"
    assert f"bPQ {(0.5 + 0.5 + 0.7) / 3:.4f}: empty images skip_gt_empty (3 of 4 scored), aggregation image" in printed


def test_a_selection_that_is_not_there_is_an_error():
    with pytest.raises(KeyError):
        instance_report({"tissues": {}, "selections": {}})
