"""The study of AdaBN's images as Markdown and CSV."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from pandas import DataFrame

from studies.adabn_study import DEPTHS
from studies.markdown import arrow, markdown_table, write_between_marks
from studies.results import write_records
from studies.shifts import rounded

NONE = "No run has weights, and scores before and after AdaBN, yet."


def write_adabn_study(found: Mapping[str, Mapping[str, Any]], markdown: str | Path, figures: Path) -> str:
    """Writes a table a method between the marks of a page, and the figures as CSV, a row a run.

    Args:
        found: by run, what ``study_table`` gives.
        markdown: the page.
        figures: the CSV file; it is left as it is where there are no runs.

    Returns:
        the tables.
    """
    if not found:
        return write_between_marks(NONE, markdown)
    write_records(({"run": name, **_flat(rounded(of_run))} for name, of_run in found.items()), figures)
    methods = dict.fromkeys(run["method"] for run in found.values())
    blocks = [_table(method, [run for run in found.values() if run["method"] == method]) for method in methods]
    return write_between_marks("\n\n".join(blocks), markdown)


def _flat(content: Mapping[str, Any]) -> dict[str, Any]:
    """One level: ``before.encoder`` for ``before``'s ``encoder``."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= {f"{name}.{part}": one for part, one in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _table(method: str, runs: list[Mapping[str, Any]]) -> str:
    heads = ["images", "gain", *[f"{depth}: before, after" for depth in DEPTHS], *[f"ρ, {depth}" for depth in DEPTHS]]
    rows = []
    for run in runs:
        distances = [f"{run['before'][depth]:.2f}, {run['after'][depth]:.2f}" for depth in DEPTHS]
        rhos = [_shown(run["correlation"][depth]) for depth in DEPTHS]
        name = f"{arrow(run['shift'])}, {run['seed']}"
        rows.append([name, run["images"], f"{run['gain']:+.3f}", *distances, *rhos])
    distances = [", ".join(f"{_median(runs, part, depth):.2f}" for part in ("before", "after")) for depth in DEPTHS]
    rhos = [_shown(_median(runs, "correlation", depth)) for depth in DEPTHS]
    images, gain = sum(run["images"] for run in runs), f"{median(run['gain'] for run in runs):+.3f}"
    rows.append(["**median** (images: sum)", images, gain, *distances, *rhos])
    return markdown_table(DataFrame(rows, columns=["", *heads]), f"**{method}**")


def _shown(rho: float | None) -> str:
    return "" if rho is None else f"{rho:+.2f}"


def _median(runs: list[Mapping[str, Any]], part: str, depth: str) -> float | None:
    values = [run[part][depth] for run in runs if run[part][depth] is not None]
    return median(values) if values else None
