"""From rows to tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mani_monai.utils import InputError
from studies.markdown import metric_title, write_between_marks
from studies.report import write_markdown


def test_markdown_replaces_the_tables_and_keeps_the_rest(rows, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- tables -->\nold\n<!-- /tables -->\nafter\n")
    write_markdown(rows, page)
    text = page.read_text()
    assert text.startswith("before\n<!-- tables -->\n**a → b**")
    assert text.endswith("<!-- /tables -->\nafter\n")
    assert "old" not in text
    line = next(line for line in text.splitlines() if line.startswith("| MaNi |"))
    assert "| 2 | 3 | 0.700 ± 0.000 | 0.800 ± 0.000 | +0.200 | +0.150 | 5 |" in line
    assert "oracle" in text


def test_the_mean_over_shifts_counts_shifts_alike(rows, tmp_path):
    """One more shift, where MaNi scores .1 less and the control is missing."""
    other = [found for found in rows["a__b"] if found.title in ("source-only", "MaNi")]
    lower = {name: {0: {"x": dice - 0.1}} for name, dice in (("last", 0.7), ("oracle", 0.8))}
    shifts = {"a__b": rows["a__b"], "b__c": [other[0], replace(other[1], scores=lower)]}
    lines = write_markdown(shifts, tmp_path / "page.md").split("**Dice, ")[0].splitlines()
    assert lines[0] == "**mean over 2 shifts**"
    assert lines[4:] == ["| source-only | 2, 2 | 0.500 | 0.600 |", "| MaNi | 2, 1 | 0.650 | 0.750 |", ""]


def test_the_mean_over_shifts_leaves_out_those_without_source_only(rows, tmp_path):
    """Of three shifts one has MaNi alone; of the others the second lacks MaNi's oracle."""
    source_only, mani = (row for row in rows["a__b"] if row.title in ("source-only", "MaNi"))
    no_oracle = replace(mani, scores={"last": {0: {"x": 0.6}}})
    shifts = {"a__b": [source_only, mani], "b__c": [source_only, no_oracle], "c__a": [mani]}
    lines = write_markdown(shifts, tmp_path / "page.md").split("**Dice, ")[0].splitlines()
    assert lines[0] == "**mean over the 2 shifts with source-only**"
    assert lines[4:] == ["| source-only | 2, 2 | 0.500 | 0.600 |", "| MaNi | 2, 1 | 0.650 |  |", ""]


def test_over_shifts_the_table_has_the_papers_shape(rows, tmp_path):
    """A row a method, a column a shift; one seed has no spread, a missing row an empty cell."""
    one_seed = replace(rows["a__b"][3], scores={"last": {0: {"x": 0.6}}})
    shifts = {"a__b": rows["a__b"], "b__c": [one_seed], "c__c": rows["a__b"]}
    text = write_markdown(shifts, tmp_path / "page.md")
    lines = text[text.index("**Dice, last iterate: mean") :].split("**a → b**")[0].splitlines()
    assert lines[2] == "| row | a → b | b → c |"
    assert lines[4] == "| source-only | 0.500 ± 0.000 (2) |  |"
    assert "| MaNi | 0.700 ± 0.000 (2) | 0.600 (1) |" in lines
    assert "**mean over" not in text  # the second shift has no source-only to compare with


def test_averaged_weights_have_a_table_with_what_they_gain(rows, tmp_path):
    """MaNi's average is of one of its two seeds: it is compared on that seed, and every table says so."""
    source_only, *_ = (row for row in rows["a__b"] if row.title == "source-only")
    mani, *_ = (row for row in rows["a__b"] if row.title == "MaNi")
    others = [row for row in rows["a__b"] if row.title not in ("source-only", "MaNi")]
    averaged = [
        replace(source_only, scores={**source_only.scores, "average": source_only.scores["last"]}),
        replace(mani, scores={**mani.scores, "average": {0: mani.scores["last"][0]}}),
    ]
    text = write_markdown({"a__b": [*averaged, *others], "b__c": averaged}, tmp_path / "page.md")
    lines = text[
        text.index("**Dice, mean of the second half's snapshots: mean (its seeds): from source") :
    ].splitlines()
    assert lines[2] == "| row | a → b | b → c |"
    assert lines[4] == "| source-only | 0.500 (0, 1) | 0.500 (0, 1) |"
    assert lines[5].startswith("| MaNi | 0.700 (0): +0.200 | 0.700 (0): ")
    assert lines[6] == ""
    assert "| 0.700 (images ± 0.100) (1 of 2 seeds) |" in text
    assert "| MaNi | 2, 2 | 0.700 |  | 0.800 |" in text  # the mean over shifts is of all seeds or none


def test_memory_has_a_column_where_a_run_recorded_it(rows, tmp_path):
    lines = write_markdown(rows, tmp_path / "page.md").splitlines()
    assert lines[2].endswith("| minutes | memory, GiB |")
    assert lines[3].count("---") == lines[2].count("|") - 1
    assert next(line for line in lines if line.startswith("| MaNi |")).endswith("| 5 | 1.5 |")
    some = [replace(row, memory=None) if row.title == "MaNi" else row for row in rows["a__b"]]
    lines = write_markdown({"a__b": some}, tmp_path / "page.md").splitlines()
    assert next(line for line in lines if line.startswith("| MaNi |")).endswith("| 5 |  |")
    none = [replace(row, memory=None) for row in rows["a__b"]]
    assert "memory" not in write_markdown({"a__b": none}, tmp_path / "page.md")


def test_further_tables_follow(rows, tmp_path):
    write_markdown(rows, tmp_path / "page.md", ["**one**", "**two**"])
    assert (tmp_path / "page.md").read_text().endswith("\n\n**one**\n\n**two**\n<!-- /tables -->\n")


def test_metrics_have_titles():
    assert [metric_title(name) for name in ("dice", "aji_plus", "count_error")] == ["Dice", "AJI+", "count error"]


def test_no_run_yet(tmp_path):
    assert "No run" in write_markdown({}, tmp_path / "page.md")


def test_a_page_without_its_closing_mark_is_left_as_it_is(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- tables -->\nold")
    with pytest.raises(InputError, match=r"page\.md: has no line <!-- /tables --> to end its tables; add it\."):
        write_between_marks("new", page)
    assert page.read_text().endswith("old")
