"""A table's rows as Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean

from mani_monai.utils import InputError
from mani_monai.utils.atomic import replacing
from studies.rows import BASELINE, Comparison, Row, compare, merged_titles
from studies.statistics import Summary, summarise

SELECTIONS = {
    "last": "last iterate",
    "source_validation": "best on source validation",
    "average": "mean of the second half's snapshots",
    "label_free": "best on unlabelled target images",
    "oracle": "oracle: best on target validation",
}


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


def write_between_marks(text: str, path: str | Path) -> str:
    """Writes text between the lines ``<!-- tables -->`` and ``<!-- /tables -->`` of a file and keeps the rest of it.

    Args:
        text: what replaces the text between the marks.
        path: the file; it is made where it is missing, and replaced where it has no marks.

    Returns:
        the text.

    Raises:
        InputError: when the second line is missing, or the file cannot be written.
    """
    path = Path(path)
    before, after = "", "\n"
    if path.exists() and "<!-- tables -->" in path.read_text():
        before, rest = path.read_text().split("<!-- tables -->", 1)
        _, mark, after = rest.partition("<!-- /tables -->")
        if not mark:
            raise InputError(f"{path}: has no line <!-- /tables --> to end its tables; add it.")
    with replacing(path) as partial:
        partial.write_text(f"{before}<!-- tables -->\n{text}\n<!-- /tables -->{after}")
    return text


def metric_title(metric: str) -> str:
    """A metric as tables call it: Dice, AJI, AJI+, DQ, SQ or PQ."""
    return metric.capitalize() if metric == "dice" else metric.upper().replace("_PLUS", "+")


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
    lines = [
        f"**mean over {len(rows)} shifts**"
        if len(rows) == given
        else f"**mean over the {len(rows)} shifts with source-only**",
        "",
        "| row | seeds of each shift | " + " | ".join(_head(name, every) for name in selections) + " |",
        "|---" * (len(selections) + 2) + "|",
    ]
    for title, title_rows in found.items():
        if len(title_rows) == len(rows):
            seeds = ", ".join(str(len(row.scores["last"])) for row in title_rows)
            means = " | ".join(_over_shifts(title_rows, name) for name in selections)
            lines.append(f"| {title} | {seeds} | {means} |")
    return "\n".join(lines)


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
    titles = merged_titles(list(column) for column in cells.values())
    lines = [f"**{title}**", "", "| row | " + " | ".join(cells) + " |", "|---" * (len(cells) + 1) + "|"]
    for row_title in titles:
        lines.append(f"| {row_title} | {' | '.join(column.get(row_title, '') for column in cells.values())} |")
    return "\n".join(lines)


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
    heads = [_head(name, rows) for name in selections]
    memory = any(row.memory for row in rows)  # older runs did not record it
    lines = [
        f"**{arrow(shift)}**",
        "",
        "| row | seeds | images | "
        + " | ".join(heads)
        + " | last, from source-only | last, from control | minutes |"
        + (" memory, GiB |" if memory else ""),
        "|---" * (len(heads) + 6 + memory) + "|",
    ]
    for row in rows:
        figures = {name: compare(row, rows, name) for name in selections if name in row.scores}
        last = figures["last"]
        cells = [_mean(figures[name].summary) + _lacking(row, name) if name in figures else "" for name in selections]
        lines.append(
            f"| {row.title} | {last.summary.seeds} | {last.summary.images} | {' | '.join(cells)} "
            f"| {last.from_baseline or ''} | {last.from_control or ''} | {_minutes(row.seconds)} |"
            + (f" {row.memory / 1024:.1f} |" if row.memory else "  |" * memory)
        )
    return "\n".join(lines)


def arrow(shift: str) -> str:
    """A shift as tables call it: source → target."""
    return shift.replace("__", " → ")


def _seeds(summary: Summary) -> str:
    spread = f" ± {summary.seed_spread:.3f}" if summary.seeds > 1 else ""
    return f"{summary.mean:.3f}{spread} ({summary.seeds})"


def _mean(summary: Summary) -> str:
    if summary.seeds == 1:
        return f"{summary.mean:.3f} (images ± {summary.image_spread:.3f})"
    return f"{summary.mean:.3f} ± {summary.seed_spread:.3f}"


def _minutes(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds / 60:.0f}"
