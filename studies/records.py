"""Tables of records as CSV files that lose no digit."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mani_monai.utils.folders import replacing


def write_records(records: Iterable[Mapping[str, Any]], path: Path, columns: Iterable[str] = ()) -> None:
    """Writes a table; None is an empty cell, and numbers keep every digit.

    Args:
        records: its rows.
        path: the CSV file.
        columns: the first ones; further ones follow in the order of the records.
    """
    records = list(records)
    names = dict.fromkeys([*columns, *(name for record in records for name in record)])
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(names), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def read_records(path: Path) -> list[dict[str, str]]:
    """The rows of a table, as texts; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def number(text: str) -> float | int | None:
    """A cell's number; None of an empty one."""
    if not text:
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)
