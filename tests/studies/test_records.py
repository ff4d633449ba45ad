"""Records as CSV: every digit there and back."""

from __future__ import annotations

import pytest

from studies.records import number, read_records, write_records


def test_records_come_back_as_texts(tmp_path):
    path = tmp_path / "new" / "table.csv"
    write_records([{"a": 0.1 + 0.2, "b": None}, {"a": 3, "c": 'one, "two"'}], path, ("b", "a"))
    assert path.read_text().splitlines()[0] == "b,a,c"
    rows = read_records(path)
    assert rows == [{"b": "", "a": "0.30000000000000004", "c": ""}, {"b": "", "a": "3", "c": 'one, "two"'}]
    assert read_records(tmp_path / "none.csv") == []


@pytest.mark.parametrize(("text", "value"), [("", None), ("-3", -3), ("0.5", 0.5), ("1e-05", 1e-05), ("12", 12)])
def test_numbers(text, value):
    found = number(text)
    assert found == value
    assert type(found) is type(value)
