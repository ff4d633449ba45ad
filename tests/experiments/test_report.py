"""From the scores of finished runs to tables and figures."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from mani_monai.experiments import Method, Table
from mani_monai.experiments.report import collect_rows, compare, write_csv, write_figure, write_markdown

METHODS = {
    "source_only": Method("source_only", "source-only", adabn=True),
    "target_statistics": Method("target_statistics", "control"),
    "mani": Method("mani", "MaNi", adabn=True, control="target_statistics"),
}
DICE = {  # method, evaluation: Dice of seed 0's images x and y, of seed 1's image z
    ("source_only", "plain"): (0.4, 0.6, 0.5),
    ("source_only", "adabn"): (0.5, 0.7, 0.6),
    ("target_statistics", "plain"): (0.45, 0.65, 0.55),
    ("mani", "plain"): (0.6, 0.8, 0.7),
    ("mani", "adabn"): (0.6, 0.8, 0.9),
}


@pytest.fixture
def rows(tmp_path):
    table = Table("plan", Path("bundle"), ("train.json",), (("a", "b"),), METHODS)
    runs = table.runs(seeds=2)
    for run in runs:
        scores = {}
        for (method, evaluation), (x, y, z) in DICE.items():
            if method == run.method.name:
                dice = {"x": x, "y": y} if run.seed == 0 else {"z": z}
                scores[evaluation] = {"last": {"dice": dice}, "oracle": {"dice": {k: v + 0.1 for k, v in dice.items()}}}
        result = {"seed": run.seed, "training_seconds": 120, "scores": scores}
        (tmp_path / f"{run.name}.json").write_text(json.dumps(result))
    return collect_rows(runs, tmp_path)


def row(rows, title):
    return next(found for found in rows["a__b"] if found.title == title)


def test_rows_hold_every_seed_and_evaluation(rows):
    assert [found.title for found in rows["a__b"]] == [
        "source-only",
        "source-only + AdaBN",
        "control",
        "MaNi",
        "MaNi + AdaBN",
    ]
    assert row(rows, "MaNi").scores["last"] == {0: {"x": 0.6, "y": 0.8}, 1: {"z": 0.7}}


def test_each_row_is_compared_with_source_only_and_its_own_control(rows):
    def differences(title):
        found = compare(row(rows, title), rows["a__b"], "last")
        return [None if part is None else round(part.mean, 3) for part in (found.from_baseline, found.from_control)]

    assert differences("source-only") == [None, None]
    assert differences("source-only + AdaBN") == [0.1, None]
    assert differences("MaNi") == [0.2, 0.15]
    assert differences("MaNi + AdaBN") == [pytest.approx(0.267), pytest.approx(0.167)]


def test_markdown_replaces_the_tables_and_keeps_the_rest(rows, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- tables -->\nold\n<!-- /tables -->\nafter\n")
    write_markdown(rows, page)
    text = page.read_text()
    assert text.startswith("before\n<!-- tables -->\n**a → b**")
    assert text.endswith("<!-- /tables -->\nafter\n")
    assert "old" not in text
    line = next(line for line in text.splitlines() if line.startswith("| MaNi |"))
    assert "| 2 | 3 | 0.700 ± 0.000 | 0.800 ± 0.000 | +0.200 [+0.200, +0.200] | +0.150 [+0.150, +0.150] | 2 |" in line
    assert "oracle" in text


def test_the_mean_over_shifts_counts_shifts_alike(rows, tmp_path):
    """One more shift, where MaNi scores .1 less and the control is missing."""
    other = [found for found in rows["a__b"] if found.title in ("source-only", "MaNi")]
    lower = {name: {0: {"x": dice - 0.1}} for name, dice in (("last", 0.7), ("oracle", 0.8))}
    shifts = {"a__b": rows["a__b"], "b__c": [other[0], replace(other[1], scores=lower)]}
    lines = write_markdown(shifts, tmp_path / "page.md").split("**a → b**")[0].splitlines()
    assert lines[0] == "**mean over 2 shifts**"
    assert lines[4:] == ["| source-only | 0.500 | 0.600 |", "| MaNi | 0.650 | 0.750 |", ""]


def test_csv_has_a_line_a_row_and_selection(rows, tmp_path):
    write_csv(rows, tmp_path / "table.csv")
    lines = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert len(lines) == 5 * 2
    mani = next(line for line in lines if line["method"] == "MaNi" and line["selection"] == "last")
    assert mani["mean"] == "0.7000"
    assert mani["from_control_mean"] == "0.1500"


def test_figure_is_drawn(rows, tmp_path):
    write_figure(rows, tmp_path / "figure.png")
    assert Image.open(tmp_path / "figure.png").size[0] > 300


def test_no_run_yet(tmp_path):
    assert "No run" in write_markdown({}, tmp_path / "page.md")
