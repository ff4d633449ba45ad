"""Further tables of runs that are scored by nuclei: every figure, and one figure by tissue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pandas import DataFrame

from studies.markdown import SELECTIONS, arrow, markdown_table, metric_title
from studies.plan import Run
from studies.rows import Row, collect_rows, merged_titles, read_results
from studies.stain_baseline import with_stain
from studies.statistics import summarise


def figures_table(runs: Sequence[Run], results_dir: str | Path, metrics: Sequence[str], selection: str = "last") -> str:
    """Means over images of several metrics, a row a method.

    Args:
        runs: the runs of the table.
        results_dir: the table's folder, as ``read_result`` takes it.
        metrics: the columns.
        selection: whose scores.

    Returns:
        Markdown, a table a shift whose runs have more than the first; an empty cell is of runs that lack the figure.
    """
    rows = {metric: with_stain(collect_rows(runs, results_dir, metric), results_dir, metric) for metric in metrics}
    blocks = []
    for shift in rows[metrics[0]]:
        scored = {metric: {row.title: row for row in rows[metric].get(shift, [])} for metric in metrics}
        columns = {metric_title(metric): found for metric, found in scored.items() if found}
        if len(columns) > 1:
            blocks.append(_table(f"{arrow(shift)}, every figure, {SELECTIONS[selection]}", columns, selection))
    return "\n\n".join(blocks)


def tissues_table(runs: Sequence[Run], results_dir: str | Path, metric: str, selection: str = "last") -> str:
    """Means over the images of each tissue, a row a method.

    Args:
        runs: the runs of the table.
        results_dir: the table's folder, as ``read_result`` takes it.
        metric: the figure.
        selection: whose scores.

    Returns:
        Markdown, a table a shift whose images have tissues.
    """
    tissues: dict[str, dict[str, str]] = {}
    for run, result in read_results(runs, results_dir).items():
        tissues.setdefault(run.shift, {}).update(result.get("tissues") or {})
    blocks = []
    for shift, rows in with_stain(collect_rows(runs, results_dir, metric), results_dir, metric).items():
        names = sorted(set(tissues[shift].values()))
        columns = {
            name: {
                row.title: _only(row, {image for image, tissue in tissues[shift].items() if tissue == name}, selection)
                for row in rows
            }
            for name in names
        }
        if len(names) > 1:
            blocks.append(_table(f"{arrow(shift)}, {metric_title(metric)} by tissue", columns, selection))
    return "\n\n".join(blocks)


def _only(row: Row, images: set[str], selection: str) -> Row:
    """A row's scores of some images alone."""
    scores = {
        seed: {image: score for image, score in of_seed.items() if image in images}
        for seed, of_seed in row.scores[selection].items()
    }
    return replace(row, scores={selection: {seed: of_seed for seed, of_seed in scores.items() if of_seed}})


def _table(title: str, columns: dict[str, dict[str, Row]], selection: str) -> str:
    rows = merged_titles(list(column) for column in columns.values())
    cells = [[name, *(_mean(column.get(name), selection) for column in columns.values())] for name in rows]
    return markdown_table(DataFrame(cells, columns=["row", *columns]), f"**{title}**")


def _mean(row: Row | None, selection: str) -> str:
    return f"{summarise(row.scores[selection]).mean:.3f}" if row and row.scores.get(selection) else ""
