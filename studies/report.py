"""A table's rows as Markdown, and as figures for other programs."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any

from pandas import DataFrame

from studies.markdown import SELECTIONS, arrow, markdown_table, metric_title, write_between_marks
from studies.rows import BASELINE, Comparison, Row, compare, merged_titles
from studies.statistics import Summary, summarise


def write_markdown(
    rows: dict[str, list[Row]], path: str | Path, further: Sequence[str] = (), metric: str = "dice"
) -> str:
    """Writes the tables as Markdown: two over all shifts, where there are several, then one a shift.

    Args:
        rows: what ``collect_rows`` gives.
        path: the file; where it has lines ``<!-- tables -->`` and ``<!-- /tables -->``, what is between is replaced
            and the rest is kept.
        further: tables to write after these.
        metric: what the scores are.

    Returns:
        the tables.
    """
    shifts = {shift: shift_rows for shift, shift_rows in rows.items() if len(set(shift.split("__"))) > 1}
    blocks = []
    if len(shifts) > 1:  # a domain and itself are no shift
        blocks = [_mean_table(shifts), _overview_table(shifts, metric), _average_table(shifts, metric)]
    blocks += [_shift_table(shift, shift_rows) for shift, shift_rows in rows.items()]
    return write_between_marks(
        "\n\n".join(block for block in [*blocks, *further] if block) or "No run is finished yet.", path
    )


def _head(selection: str, rows: Sequence[Row]) -> str:
    """A selection's column head; what chose without labels stands in it, as the runs recorded it."""
    if selection != "label_free":
        return SELECTIONS[selection]
    criteria = sorted({name for row in rows if selection in row.scores for name in row.criteria})
    mixed = "criteria differ, not comparable: " if len(criteria) > 1 else "criterion: "
    return f"{SELECTIONS[selection]} ({mixed}{', '.join(criteria)})"


def _mean_table(rows: dict[str, list[Row]]) -> str:
    """Mean over shifts of each row that all of them have; empty where fewer than two have source-only.

    A shift without source-only has nothing to compare with and is left out.
    """
    given = len(rows)
    rows = {shift: found for shift, found in rows.items() if any(row.method.name == BASELINE for row in found)}
    if len(rows) < 2:
        return ""
    found: dict[str, list[Row]] = defaultdict(list)
    for shift_rows in rows.values():
        for row in shift_rows:
            found[row.title].append(row)
    every = list(chain(*rows.values()))
    selections = [name for name in SELECTIONS if any(name in row.scores for row in every)]
    shown = f"{len(rows)} shifts" if len(rows) == given else f"the {len(rows)} shifts with source-only"
    cells = [
        [title, _seed_counts(of_title), *(_over_shifts(of_title, name) for name in selections)]
        for title, of_title in found.items()
        if len(of_title) == len(rows)
    ]
    heads = ["row", "seeds of each shift", *(_head(name, every) for name in selections)]
    return markdown_table(DataFrame(cells, columns=heads), f"**mean over {shown}**")


def _seed_counts(rows: Sequence[Row]) -> str:
    return ", ".join(str(len(row.scores["last"])) for row in rows)


def _over_shifts(rows: Sequence[Row], selection: str) -> str:
    """Mean over shifts; empty where a shift or a seed has no such selection, as in runs from before it was there."""
    found = [summarise(row.scores[selection]).mean for row in rows if selection in row.scores]
    whole = len(found) == len(rows) and not any(_lacking(row, selection) for row in rows)
    return f"{fmean(found):.3f}" if whole else ""


def _overview_table(rows: dict[str, list[Row]], metric: str, selection: str = "last") -> str:
    """Mean and spread over seeds."""
    title = f"{metric_title(metric)}, {SELECTIONS[selection]}: mean ± spread over seeds (their number)"
    return _by_shift(title, rows, lambda row, _: _seeds(summarise(row.scores[selection])))


def _average_table(rows: dict[str, list[Row]], metric: str, selection: str = "average") -> str:
    """Averaged weights, with what they gain; empty where no row has any."""
    averaged = {shift: [row for row in shift_rows if selection in row.scores] for shift, shift_rows in rows.items()}
    title = f"{metric_title(metric)}, {SELECTIONS[selection]}: mean (its seeds): from source-only on common seeds"

    def cell(row: Row, others: Sequence[Row]) -> str:
        return _gain(row, compare(row, others, selection), selection)

    return _by_shift(title, averaged, cell) if any(averaged.values()) else ""


def _by_shift(title: str, rows: dict[str, list[Row]], cell: Callable[[Row, Sequence[Row]], str]) -> str:
    """A table in the paper's shape, a row a method and a column a shift; ``cell`` gets a row and its shift's rows."""
    cells = {arrow(shift): {row.title: cell(row, found) for row in found} for shift, found in rows.items()}
    columns = [list(column) for column in cells.values()]
    table = DataFrame(cells, index=merged_titles(columns)).rename_axis("row").reset_index()
    return markdown_table(table, f"**{title}**")


def _gain(row: Row, compared: Comparison, selection: str) -> str:
    seeds = ", ".join(map(str, sorted(row.scores[selection])))
    gain = f": {compared.from_baseline}" if compared.from_baseline else ""
    return f"{compared.summary.mean:.3f} ({seeds}){gain}"


def _lacking(row: Row, selection: str) -> str:
    """Of how many of a row's seeds a selection is, where it is not of all."""
    seeds, every = len(row.scores[selection]), len(row.scores["last"])
    return f" ({seeds} of {every} seeds)" if seeds < every else ""


def _shift_table(shift: str, rows: Sequence[Row]) -> str:
    selections = [name for name in SELECTIONS if any(name in row.scores for row in rows)]
    columns: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        figures = {name: compare(row, rows, name) for name in selections if name in row.scores}
        last = figures["last"]
        columns["row"].append(row.title)
        columns["seeds"].append(str(last.summary.seeds))
        columns["images"].append(str(last.summary.images))
        for name in selections:
            shown = _mean(figures[name].summary) + _lacking(row, name) if name in figures else ""
            columns[_head(name, rows)].append(shown)
        columns["last, from source-only"].append(str(last.from_baseline or ""))
        columns["last, from control"].append(str(last.from_control or ""))
        columns["minutes"].append("" if row.seconds is None else f"{row.seconds / 60:.0f}")
        columns["memory, GiB"].append(f"{row.memory / 1024:.1f}" if row.memory else "")
    if not any(columns["memory, GiB"]):  # nothing recorded it
        del columns["memory, GiB"]
    return markdown_table(DataFrame(columns), f"**{arrow(shift)}**")


def _seeds(summary: Summary) -> str:
    spread = f" ± {summary.seed_spread:.3f}" if summary.seeds > 1 else ""
    return f"{summary.mean:.3f}{spread} ({summary.seeds})"


def _mean(summary: Summary) -> str:
    if summary.seeds == 1:
        return f"{summary.mean:.3f} (images ± {summary.image_spread:.3f})"
    return f"{summary.mean:.3f} ± {summary.seed_spread:.3f}"


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
