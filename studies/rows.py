"""A table's rows from the scores of its finished runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from studies.plan import PLAIN, Method, Run
from studies.results import read_result
from studies.statistics import Difference, Scores, Summary, paired_difference, summarise

BASELINE = "source_only"
EVALUATIONS = {"adabn": "AdaBN", "adabn_half": "half AdaBN", "dense_crf": "dense CRF"}
"""What tables call the further evaluations; another one by its own name."""
NOT_RECORDED = "not recorded"
"""What stands for a criterion or a device that a run's JSON does not have."""
COSTS = {"seconds": "training_seconds", "memory": "peak_memory_mib"}
"""Fields of a row and the figures of a run's JSON that they are means of."""


def evaluation_title(title: str, evaluation: str) -> str:
    """What tables call a method's row under an evaluation."""
    if evaluation == PLAIN:
        return title
    return f"{title} + {EVALUATIONS.get(evaluation, evaluation.replace('_', ' '))}"


@dataclass(frozen=True)
class Row:
    """One method on one shift, scored plainly or by a further evaluation.

    Args:
        method: the method.
        evaluation: "plain", or one of the method's evaluations.
        scores: one metric by selection, seed and image; of runs from before there was a selection, it lacks the seeds.
        seconds: mean training time, over the runs that recorded it, as of the next two; None where none did.
        memory: mean peak memory of the training process in MiB.
        cpu_seconds: mean time of the training on all processors, by the device that trained.
        criteria: what chose the weights of ``label_free``, each once; more than one is a mix.
    """

    method: Method
    evaluation: str
    scores: dict[str, Scores]
    seconds: float | None
    memory: float | None = None
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    criteria: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return evaluation_title(self.method.title, self.evaluation)


@dataclass(frozen=True)
class Comparison:
    """A row's figures under one selection, and its differences from other rows."""

    summary: Summary
    from_baseline: Difference | None
    from_control: Difference | None


def read_results(runs: Sequence[Run], results_dir: str | Path) -> dict[Run, dict[str, Any]]:
    """What the finished ones of some runs left, in the runs' order."""
    found = {run: read_result(results_dir, run.name) for run in runs}
    return {run: result for run, result in found.items() if result is not None}


def collect_rows(runs: Sequence[Run], results_dir: str | Path, metric: str = "dice") -> dict[str, list[Row]]:
    """Reads what is done of a table's runs.

    Args:
        runs: the runs of the table.
        results_dir: what ``read_result`` takes: the folder of a table's runs in that of the results.
        metric: which of the scores; images and runs that have none are left out.

    Returns:
        rows by shift, in the table's order; of the evaluations that the table asks for and at least one run has.
    """
    results = read_results(runs, results_dir)
    places = dict.fromkeys((run.shift, run.method, name) for run in runs for name in (PLAIN, *run.method.evaluations))
    rows = defaultdict(list)
    for shift, method, evaluation in places:
        found = [
            result
            for run, result in results.items()
            if (run.shift, run.method) == (shift, method) and evaluation in result["scores"]
        ]
        if not found:
            continue
        made = {result["seed"]: result["scores"][evaluation] for result in found}
        selections = dict.fromkeys(name for by_selection in made.values() for name in by_selection)
        every = {
            name: {seed: _scored(of_seed[name].get(metric, {})) for seed, of_seed in made.items() if name in of_seed}
            for name in selections
        }
        # a fold may have no image that can be scored, say with PQ and no nuclei
        scores: dict[str, Scores] = {
            name: {seed: images for seed, images in by_seed.items() if images} for name, by_seed in every.items()
        }
        scores = {name: by_seed for name, by_seed in scores.items() if by_seed}
        if not scores:
            continue
        costs = {cost: _recorded_mean(found, name) for cost, name in COSTS.items()}
        criteria = _criteria(found, evaluation)
        rows[shift].append(Row(method, evaluation, scores, cpu_seconds=_cpu_seconds(found), criteria=criteria, **costs))
    return dict(rows)


def merged_titles(columns: Iterable[Sequence[str]]) -> list[str]:
    """The titles of several shifts' rows, each once and in the order of the table, of which a shift may lack some.

    Args:
        columns: the titles of each shift, in the table's order.
    """
    merged: list[str] = []
    for column in columns:
        place = len(merged)
        for title in reversed(column):
            if title in merged:
                place = merged.index(title)
            else:
                merged.insert(place, title)
    return merged


def compare(row: Row, rows: Sequence[Row], selection: str) -> Comparison:
    """A row's figures under a selection, beside source-only and its control on the same shift.

    The control is the method that the plan names, under the same evaluation; of a further evaluation, where that is
    not there, source-only under it, or else the same method without it.
    """
    others: dict[tuple[str | None, str], dict[str, Scores]] = {
        (other.method.name, other.evaluation): other.scores for other in rows
    }
    own, baseline = (row.method.name, row.evaluation), (BASELINE, PLAIN)
    controls: list[tuple[str | None, str]] = [(row.method.control, row.evaluation)]
    if row.evaluation != PLAIN:
        controls += [(BASELINE, row.evaluation), (row.method.name, PLAIN)]
    control = next((name for name in controls if name in others), controls[0])
    return Comparison(
        summary=summarise(row.scores[selection]),
        from_baseline=None if own == baseline else _difference(row, others.get(baseline), selection),
        from_control=None if own == control else _difference(row, others.get(control), selection),
    )


def _recorded_mean(results: Sequence[dict[str, Any]], name: str) -> float | None:
    """Mean of a figure over the runs that recorded it; older ones, and those trained by hand, did not."""
    found = [result[name] for result in results if result.get(name) is not None]
    return fmean(found) if found else None


def _cpu_seconds(results: Sequence[dict[str, Any]]) -> dict[str, float]:
    by_device = defaultdict(list)
    for result in results:
        by_device[result.get("device", NOT_RECORDED)].append(result)
    means = {device: _recorded_mean(made, "training_cpu_seconds") for device, made in by_device.items()}
    return {device: mean for device, mean in means.items() if mean is not None}


def _criteria(results: Sequence[dict[str, Any]], evaluation: str) -> tuple[str, ...]:
    """What the runs that chose without labels chose by."""
    chose = [result for result in results if "label_free" in result["scores"][evaluation]]
    found = {result.get("label_free", {}).get(evaluation, {}).get("criterion", NOT_RECORDED) for result in chose}
    return tuple(sorted(found))


def _scored(scores: dict[str, float | None]) -> dict[str, float]:
    return {image: score for image, score in scores.items() if score is not None}


def _difference(row: Row, other: dict[str, Scores] | None, selection: str) -> Difference | None:
    if not other or selection not in other:
        return None
    own, others = row.scores[selection], other[selection]
    if not any(own[seed].keys() & others[seed].keys() for seed in own.keys() & others.keys()):
        return None
    return paired_difference(row.scores[selection], other[selection])
