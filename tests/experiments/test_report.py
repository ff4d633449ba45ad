"""From rows to tables and figures."""

from __future__ import annotations

import csv
from dataclasses import replace

from PIL import Image

from mani_monai.experiments.report import metric_title, write_csv, write_figure, write_markdown


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


def test_further_tables_follow(rows, tmp_path):
    write_markdown(rows, tmp_path / "page.md", ["**one**", "**two**"])
    assert (tmp_path / "page.md").read_text().endswith("\n\n**one**\n\n**two**\n<!-- /tables -->\n")


def test_metrics_have_titles():
    assert [metric_title(name) for name in ("dice", "aji_plus", "pq")] == ["Dice", "AJI+", "PQ"]


def test_no_run_yet(tmp_path):
    assert "No run" in write_markdown({}, tmp_path / "page.md")
