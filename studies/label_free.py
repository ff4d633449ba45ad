"""How well scores without labels tell good weights from bad ones, over finished runs, and its page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from pandas import DataFrame
from scipy.stats import spearmanr

from mani_monai.evaluation.label_free_criteria import CRITERIA, DEFAULT_CRITERION, SHARE, best_weights
from studies.markdown import arrow, markdown_table, write_between_marks
from studies.results import read_folder

LAST, SOURCE_VALIDATION = "model.pt", "model_source_val.pt"
REFERENCES = ("last", "source_validation", "mean of the snapshots")
FIGURES = ("within", "across", "lost", "gained", "method_lost")
"""Of a criterion: rank correlation with the truth over a run's snapshots; over methods; what its choice of a snapshot
loses to the best snapshot and gains on the last iterate; what its choice of a method loses to the best method."""
LEAST = 3
"""Weights that a rank correlation needs."""


@dataclass(frozen=True)
class Weights:
    """Some weights: their scores without labels by name, and the truth, a mean over labelled test images."""

    scores: Mapping[str, float]
    truth: float


@dataclass(frozen=True)
class ScoredRun:
    """One evaluation of one run.

    Args:
        shift: "source__target".
        method: name of the method.
        seed: the seed.
        evaluation: "plain", "adabn" and so on.
        folder: of the finished runs of a budget, in which methods are rivals.
        snapshots: in the order of the training.
        last: the last iterate.
        source_validation: the best on labelled source images.
    """

    shift: str
    method: str
    seed: int
    evaluation: str
    folder: str
    snapshots: tuple[Weights, ...]
    last: Weights
    source_validation: Weights


def read_scored_runs(folders: Sequence[str | Path], metric: str = "dice") -> list[ScoredRun]:
    """The runs whose evaluations scored snapshots; those that target labels trained are left out, and what diverged.

    Args:
        folders: tables of finished runs, as ``read_folder`` takes them.
        metric: the truth.
    """
    runs = []
    every = [(str(folder), result) for folder in sorted(map(Path, folders)) for result in read_folder(folder).values()]
    for folder, result in every:
        for evaluation, entries in result.get("snapshots", {}).items():
            weights = {
                entry["weights"]: Weights(entry["label_free"], entry["test"][metric])
                for entry in entries
                if entry["test"].get(metric) is not None and None not in entry["label_free"].values()
            }
            snapshots = tuple(weights[name] for name in sorted(weights) if name.startswith("snapshots/"))
            if snapshots and LAST in weights and SOURCE_VALIDATION in weights and not result["target_labels_train"]:
                shift = f"{result['source']}__{result['target']}"
                names = shift, result["method"], result["seed"], evaluation, folder
                runs.append(ScoredRun(*names, snapshots, weights[LAST], weights[SOURCE_VALIDATION]))
    return runs


def study(runs: Sequence[ScoredRun]) -> dict[str, dict[str, list[float]]]:
    """Every figure of every criterion, of the share of nuclei and of the references.

    Args:
        runs: scored runs.

    Returns:
        by name and figure (see ``FIGURES``) one number a run, or for ``across`` and ``method_lost``, which compare the
        last iterates of all methods, one a folder, shift, seed and evaluation: only methods are rivals, not budgets
        or evaluations. A figure that a row has none of is left out: the share of nuclei chooses nothing, and the
        references rank nothing.
    """
    methods = defaultdict(list)
    for run in runs:
        methods[run.folder, run.shift, run.seed, run.evaluation].append(run.last)
    rivals = [lasts for lasts in methods.values() if len(lasts) >= LEAST]
    figures: dict[str, dict[str, list[float]]] = {}
    for name in (*CRITERIA, SHARE):
        figures[name] = {
            "within": _present(rank_correlation(run.snapshots, name) for run in runs),
            "across": _present(rank_correlation(lasts, name) for lasts in rivals),
        }
    for criterion in CRITERIA:
        figures[criterion] |= _choices(runs, [chosen(run.snapshots, criterion).truth for run in runs])
        figures[criterion]["method_lost"] = [_best(lasts) - chosen(lasts, criterion).truth for lasts in rivals]
    truths = (
        [run.last.truth for run in runs],
        [run.source_validation.truth for run in runs],
        [float(np.mean([weights.truth for weights in run.snapshots])) for run in runs],
    )
    return figures | {name: _choices(runs, found) for name, found in zip(REFERENCES, truths, strict=True)}


def rank_correlation(weights: Sequence[Weights], name: str) -> float | None:
    """Spearman's rank correlation of a score with the truth, above 0 where the score is right.

    Args:
        weights: the weights to rank.
        name: one of ``CRITERIA``, or the share of nuclei.

    Returns:
        a number in -1..1; None where there is nothing to rank: fewer than three weights, or all alike.
    """
    scores, truths = [one.scores[name] for one in weights], [one.truth for one in weights]
    if len(weights) < LEAST or len(set(scores)) == 1 or len(set(truths)) == 1:
        return None
    sign = -1 if name in CRITERIA and not CRITERIA[name].higher_is_better else 1
    return sign * float(cast("Any", spearmanr(scores, truths)).statistic)


def chosen(weights: Sequence[Weights], criterion: str) -> Weights:
    """What a criterion chooses, without a look at the truth."""
    return weights[best_weights({number: one.scores for number, one in enumerate(weights)}, criterion)]


def summarised(figures: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, Any]:
    """Mean, standard deviation (population) and count of every figure of ``study``; what has no number is left out."""
    return {
        name: {
            figure: {"mean": float(np.mean(values)), "spread": float(np.std(values)), "count": len(values)}
            for figure, values in row.items()
            if len(values)
        }
        for name, row in figures.items()
    }


def _choices(runs: Sequence[ScoredRun], truths: Sequence[float]) -> dict[str, list[float]]:
    pairs = list(zip(runs, truths, strict=True))
    return {
        "lost": [_best(run.snapshots) - truth for run, truth in pairs],
        "gained": [truth - run.last.truth for run, truth in pairs],
    }


def _best(weights: Sequence[Weights]) -> float:
    return max(one.truth for one in weights)


def _present(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


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
