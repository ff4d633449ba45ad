"""A table's figures for other programs."""

from __future__ import annotations

import csv

import pytest

from studies.report import row_records, write_csv


def test_a_record_a_shift_row_and_selection(rows):
    records = row_records(rows)
    assert len(records) == 5 * 2
    mani = next(record for record in records if (record["method"], record["selection"]) == ("MaNi", "last"))
    assert mani["shift"] == "a__b"
    assert mani["mean"] == pytest.approx(0.7)
    assert mani["from_source_only_mean"] == pytest.approx(0.2)
    assert mani["from_control_mean"] == pytest.approx(0.15)
    assert mani["from_control_low"] is None  # three images have no interval
    assert (mani["seeds"], mani["images"]) == (2, 3)
    assert (mani["training_seconds"], mani["peak_memory_mib"]) == (300, 1536)
    assert records[0]["from_source_only_mean"] is None


def test_csv_has_a_line_a_record(rows, tmp_path):
    write_csv(rows, tmp_path / "table.csv")
    lines = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert [line["method"] for line in lines] == [record["method"] for record in row_records(rows)]
    mani = next(line for line in lines if line["method"] == "MaNi" and line["selection"] == "last")
    assert mani["mean"] == "0.7000"
    assert mani["from_control_mean"] == "0.1500"
    assert mani["training_seconds"] == "300.0000"
    assert lines[0]["from_source_only_mean"] == ""
