"""The table of nuclei: how their classes are called and coloured, as CSV, and as plain numbers row by row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from scripts.utils.json_files import write_csv

NUCLEUS = "nucleus"
YELLOW = (255, 230, 0)  # stands out from haematoxylin and eosin alike
PALETTE = ((230, 0, 0), (0, 170, 0), (0, 90, 255), (255, 150, 0), (0, 220, 220), (120, 230, 0), (255, 255, 255))


@dataclass(frozen=True)
class NucleusClass:
    """A name and an RGB colour."""

    name: str
    colour: tuple[int, int, int]


def nucleus_class(kind: int = 0, class_names: Sequence[str] | None = None) -> NucleusClass:
    """The class of a nucleus of some type.

    Args:
        kind: its type; 0 where there are no types, or where none was found.
        class_names: the types' names, that of type 0 (background) first; "type 1" and so on by default.

    Returns:
        yellow "nucleus" for type 0; else the type's name, and a colour by its number.
    """
    if kind == 0:
        return NucleusClass(NUCLEUS, YELLOW)
    name = class_names[kind] if class_names is not None and kind < len(class_names) else f"type {kind}"
    return NucleusClass(name, PALETTE[(kind - 1) % len(PALETTE)])


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
    write_csv(path, (_with_class(row, class_names) for row in rows_of(table)), header)


def _with_class(row: dict[str, Any], class_names: Sequence[str] | None) -> dict[str, Any]:
    return {**row, "class": nucleus_class(int(row["type"]), class_names).name} if "type" in row else row


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
