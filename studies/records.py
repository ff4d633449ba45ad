"""A table's rows as figures for other programs."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from studies.rows import Row, compare

COLUMNS = ("shift", "method", "selection", "mean", "seed_spread", "image_spread", "seeds", "images")
DIFFERENCES = ("from_source_only", "from_control")
COSTS = ("training_seconds", "peak_memory_mib")


def row_records(rows: dict[str, list[Row]]) -> list[dict[str, Any]]:
    """Every figure of the tables, one record a shift, row and selection.

    Args:
        rows: what ``collect_rows`` gives.

    Returns:
        flat records in the order of the tables; None where there is no figure.
    """
    records = []
    for shift, shift_rows in rows.items():
        for row in shift_rows:
            for selection in row.scores:
                found = compare(row, shift_rows, selection)
                summary = found.summary
                record = {"shift": shift, "method": row.title, "selection": selection, "mean": summary.mean}
                record |= {"seed_spread": summary.seed_spread, "image_spread": summary.image_spread}
                record |= {"seeds": summary.seeds, "images": summary.images}
                for name, difference in zip(DIFFERENCES, (found.from_baseline, found.from_control), strict=True):
                    for end in ("mean", "low", "high"):
                        record[f"{name}_{end}"] = getattr(difference, end) if difference else None
                record |= {"training_seconds": row.seconds, "peak_memory_mib": row.memory}
                records.append({name: _finite(value) for name, value in record.items()})
    return records


def write_csv(rows: dict[str, list[Row]], path: str | Path) -> None:
    """Writes the records, one line each, with four decimals; no figure is an empty cell."""
    columns = [*COLUMNS, *(f"{name}_{end}" for name in DIFFERENCES for end in ("mean", "low", "high")), *COSTS]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for record in row_records(rows):
            writer.writerow({name: _shown(value) for name, value in record.items()})


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(value: Any) -> Any:
    return f"{value:.4f}" if isinstance(value, float) else value
