"""The table of nuclei as CSV, and as plain numbers row by row."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from scripts.utils.atomic import replacing

from .classes import nucleus_class

DECIMALS = 4


def write_nuclei_csv(path: str | Path, table: Mapping[str, NDArray], class_names: Sequence[str] | None = None) -> None:
    """Writes a table of nuclei: a header, then a line a nucleus.

    Fractions are rounded to four decimals; what is not finite is left empty. Where nuclei have types, a column
    ``class`` with their names follows the column ``type``.

    Args:
        path: the file; its folder is made.
        table: equally long columns by name, as :func:`scripts.transforms.nuclei_table` makes them.
        class_names: see :func:`nucleus_class`.

    Raises:
        InputError: when the file cannot be written.
        ValueError: when columns differ in length.
    """
    header = [name for column in table for name in ([column, "class"] if column == "type" else [column])]
    with replacing(path) as partial, open(partial, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, header, restval="", lineterminator="\n")
        writer.writeheader()
        for row in rows_of(table):
            if "type" in row:
                row["class"] = nucleus_class(int(row["type"]), class_names).name
            writer.writerow(safe_cells(row))


def safe_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose texts no spreadsheet takes for formulas: an apostrophe comes before a first =, +, -, @ or tab.

    Source: OWASP, CSV injection. A file's name in such a cell differs from the file's by that apostrophe.
    """
    risky = tuple("=+-@\t\r")
    return {
        name: f"'{value}" if isinstance(value, str) and value.startswith(risky) else value
        for name, value in row.items()
    }


def rows_of(table: Mapping[str, NDArray]) -> Iterator[dict[str, int | float | str]]:
    """The table's rows as plain numbers, rounded, without what is not finite.

    Raises:
        ValueError: when columns differ in length.
    """
    columns = [column.tolist() for column in table.values()]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in table.items())
        raise ValueError(f"table must have columns of one length, got {lengths}.")
    for values in zip(*columns, strict=True):
        row = dict(zip(table, values, strict=True))
        yield {
            name: round(value, DECIMALS) if isinstance(value, float) else value
            for name, value in row.items()
            if not isinstance(value, float) or math.isfinite(value)
        }
