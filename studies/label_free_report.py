"""The study of scores without labels as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pandas import DataFrame

from mani_monai.evaluation.label_free_scorer import CRITERIA, DEFAULT_CRITERION, SHARE
from studies.label_free_study import FIGURES, ScoredRun, study, summarised
from studies.markdown import arrow, markdown_table, write_between_marks

NONE = "No run has snapshots yet."
HEADS = {
    "within": "ρ within runs",
    "across": "ρ across methods",
    "lost": "lost to the best snapshot",
    "gained": "gained on the last iterate",
    "method_lost": "lost to the best method",
}


def write_study(runs: Sequence[ScoredRun], markdown: str | Path) -> str:
    """Writes the tables of all runs and of each shift between the marks of a page.

    Args:
        runs: what ``read_scored_runs`` gives.
        markdown: the page.

    Returns:
        the tables.
    """
    if not runs:
        return write_between_marks(NONE, markdown)
    shifts = sorted({run.shift for run in runs})
    groups = {"all": list(runs)} | {shift: [run for run in runs if run.shift == shift] for shift in shifts}
    studies = {name: summarised(study(members)) for name, members in groups.items()}
    blocks = [
        _table("all shifts" if name == "all" else arrow(name), groups[name], found) for name, found in studies.items()
    ]
    return write_between_marks("\n\n".join(blocks), markdown)


def _table(title: str, runs: Sequence[ScoredRun], found: Mapping[str, Mapping[str, Any]]) -> str:
    snapshots = sum(len(run.snapshots) for run in runs)
    cells = [
        [_title(name), *(_cell(row.get(figure), figure in ("within", "across", "gained")) for figure in FIGURES)]
        for name, row in found.items()
    ]
    frame = DataFrame(cells, columns=["", *(HEADS[figure] for figure in FIGURES)])
    return markdown_table(frame, f"**{title}** (evaluations: {len(runs)}, snapshots: {snapshots})")


def _title(name: str) -> str:
    if name in CRITERIA:
        shown = f"**{name}**" if name == DEFAULT_CRITERION else name
        return f"{shown}: {CRITERIA[name].meaning}"
    return "share of nuclei (chooses nothing)" if name == SHARE else f"_{name.replace('_', ' ')}_"


def _cell(figure: Mapping[str, float] | None, signed: bool) -> str:
    if figure is None:
        return ""
    mean = f"{figure['mean']:+.3f}" if signed else f"{figure['mean']:.3f}"
    return f"{mean} ± {figure['spread']:.3f} ({figure['count']})"
