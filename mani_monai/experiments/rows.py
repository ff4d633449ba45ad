"""A table's rows from the scores of its finished runs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .plan import Method, Run
from .statistics import Difference, Scores, Summary, paired_difference, summarise

BASELINE = "source_only"


@dataclass(frozen=True)
class Row:
    """One method on one shift, scored plainly or after AdaBN.

    Args:
        method: the method.
        evaluation: "plain" or "adabn".
        scores: one metric by selection, seed and image; selections that every seed has.
        seconds: mean training time.
    """

    method: Method
    evaluation: str
    scores: dict[str, Scores]
    seconds: float

    @property
    def title(self) -> str:
        return self.method.title + (" + AdaBN" if self.evaluation == "adabn" else "")


@dataclass(frozen=True)
class Comparison:
    """A row's figures under one selection, and its differences from other rows."""

    summary: Summary
    from_baseline: Difference | None
    from_control: Difference | None


def read_results(runs: Sequence[Run], results_dir: str | Path) -> dict[Run, dict[str, Any]]:
    """What the finished ones of some runs left, in the runs' order."""
    paths = {run: Path(results_dir) / f"{run.name}.json" for run in runs}
    return {run: json.loads(path.read_text()) for run, path in paths.items() if path.exists()}


def collect_rows(runs: Sequence[Run], results_dir: str | Path, metric: str = "dice") -> dict[str, list[Row]]:
    """Reads what is done of a table's runs.

    Args:
        runs: the runs of the table.
        results_dir: folder of their JSON files.
        metric: which of the scores; images that have none are left out.

    Returns:
        rows by shift, in the table's order.
    """
    results = defaultdict(list)
    for run, result in read_results(runs, results_dir).items():
        for evaluation in result["scores"]:
            results[run.shift, run.method, evaluation].append(result)
    rows = defaultdict(list)
    for (shift, method, evaluation), found in results.items():
        first, *others = [result["scores"][evaluation] for result in found]
        selections = [name for name in first if all(name in scores for scores in others)]
        scores: dict[str, Scores] = {
            selection: {result["seed"]: _scored(result["scores"][evaluation][selection][metric]) for result in found}
            for selection in selections
        }
        seconds = sum(result["training_seconds"] for result in found) / len(found)
        rows[shift].append(Row(method, evaluation, scores, seconds))
    return dict(rows)


def compare(row: Row, rows: Sequence[Row], selection: str) -> Comparison:
    """A row's figures under a selection, beside source-only and its control on the same shift."""
    plain = {other.method.name: other.scores for other in rows if other.evaluation == "plain"}
    control = f"{BASELINE}+adabn" if row.evaluation == "adabn" and row.method.name != BASELINE else row.method.control
    others = {**plain, f"{BASELINE}+adabn": _adabn_of(BASELINE, rows)}
    is_baseline = row.method.name == BASELINE and row.evaluation == "plain"
    return Comparison(
        summary=summarise(row.scores[selection]),
        from_baseline=None if is_baseline else _difference(row, others.get(BASELINE), selection),
        from_control=_difference(row, others.get(control or ""), selection),
    )


def _scored(scores: dict[str, float | None]) -> dict[str, float]:
    return {image: score for image, score in scores.items() if score is not None}


def _adabn_of(name: str, rows: Sequence[Row]) -> dict[str, Scores]:
    return next((row.scores for row in rows if row.method.name == name and row.evaluation == "adabn"), {})


def _difference(row: Row, other: dict[str, Scores] | None, selection: str) -> Difference | None:
    if not other or selection not in other or not row.scores[selection].keys() & other[selection].keys():
        return None
    return paired_difference(row.scores[selection], other[selection])
