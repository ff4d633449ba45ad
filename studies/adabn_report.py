"""The study of AdaBN's images as Markdown and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from mani_monai.utils.json_files import save_json
from studies.adabn_study import DEPTHS
from studies.report import arrow, write_between_marks
from studies.shifts import rounded

NONE = "No run has weights, and scores before and after AdaBN, yet."


def write_adabn_study(found: Mapping[str, Mapping[str, Any]], markdown: str | Path, figures: str | Path) -> str:
    """Writes a table a method between the marks of a page, and the figures as JSON.

    Args:
        found: by run, what ``study_table`` gives.
        markdown: the page.
        figures: the JSON file; it is left as it is where there are no runs.

    Returns:
        the tables.
    """
    if not found:
        return write_between_marks(NONE, markdown)
    save_json(figures, rounded(dict(found)))
    methods = dict.fromkeys(run["method"] for run in found.values())
    blocks = [_table(method, [run for run in found.values() if run["method"] == method]) for method in methods]
    return write_between_marks("\n\n".join(blocks), markdown)


def _table(method: str, runs: list[Mapping[str, Any]]) -> str:
    heads = ["images", "gain", *[f"{depth}: before, after" for depth in DEPTHS], *[f"ρ, {depth}" for depth in DEPTHS]]
    lines = [f"**{method}**", "", f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for run in runs:
        distances = [f"{run['before'][depth]:.2f}, {run['after'][depth]:.2f}" for depth in DEPTHS]
        cells = [str(run["images"]), f"{run['gain']:+.3f}", *distances]
        cells += [_rho(run, depth) for depth in DEPTHS]
        lines.append(f"| {arrow(run['shift'])}, {run['seed']} | {' | '.join(cells)} |")
    distances = [", ".join(f"{_median(runs, part, depth):.2f}" for part in ("before", "after")) for depth in DEPTHS]
    rhos = [_median(runs, "correlation", depth) for depth in DEPTHS]
    cells = [str(sum(run["images"] for run in runs)), f"{median(run['gain'] for run in runs):+.3f}", *distances]
    shown = ["" if rho is None else f"{rho:+.2f}" for rho in rhos]
    return "\n".join([*lines, f"| **median** (images: sum) | {' | '.join(cells)} | {' | '.join(shown)} |"])


def _rho(run: Mapping[str, Any], depth: str) -> str:
    rho = run["correlation"][depth]
    return "" if rho is None else f"{rho:+.2f}"


def _median(runs: list[Mapping[str, Any]], part: str, depth: str) -> float | None:
    values = [run[part][depth] for run in runs if run[part][depth] is not None]
    return median(values) if values else None
