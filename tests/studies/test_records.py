"""A table's figures for other programs."""

from __future__ import annotations

import csv
import json

import pytest

from studies.records import row_records, write_csv, write_json
from studies.rows import collect_rows


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


def test_json_has_the_records_the_seeds_and_no_nan(finished, tmp_path):
    runs, folder = finished
    rows = collect_rows([run for run in runs if run.seed == 0], folder)  # one seed has no spread over seeds
    write_json(rows, tmp_path / "table.json", {"table": "plan"})
    content = json.loads((tmp_path / "table.json").read_text(), parse_constant=pytest.fail)
    assert content["table"] == "plan"
    assert content["rows"] == row_records(rows)
    assert content["rows"][0]["seed_spread"] is None
    assert content["rows"][0]["peak_memory_mib"] is None
    mani = next(seed for seed in content["seeds"] if (seed["method"], seed["selection"]) == ("MaNi", "oracle"))
    assert mani["means"] == {"0": pytest.approx(0.8)}
