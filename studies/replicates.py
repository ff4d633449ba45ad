"""Runs made twice with the same seed, on two machines or by two versions: how much of a figure is the machine's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from pandas import DataFrame

from mani_monai.utils import InputError
from mani_monai.utils.machine import machine_of
from studies.markdown import SELECTIONS, arrow, markdown_table
from studies.results import read_folder
from studies.rows import evaluation_title


@dataclass(frozen=True)
class Replicate:
    """One evaluation of a run that two folders hold.

    Args:
        shift: source and target, as in names of runs.
        method: the method's short name.
        seed: the seed of both.
        evaluation: "plain" or a further one.
        machines: device and version of torch of both, as far as the runs recorded them.
        means: by selection that both have, the mean score of each.
    """

    shift: str
    method: str
    seed: int
    evaluation: str
    machines: tuple[str, str]
    means: dict[str, tuple[float, float]]


def read_replicates(first: str | Path, second: str | Path, metric: str = "dice") -> list[Replicate]:
    """Pairs the runs of the same name in two folders of results.

    Args:
        first: a table of finished runs, as ``read_folder`` takes it.
        second: another one.
        metric: the score.

    Returns:
        in the order of the runs' names.

    Raises:
        InputError: when the folders have no run in common, or two runs of a name differ in configs or options.
    """
    folders = (Path(first), Path(second))
    results = [read_folder(folder) for folder in folders]
    names = sorted(results[0].keys() & results[1].keys())
    if not names:
        raise InputError(f"{first} and {second} have no run in common: name two folders of results of one table.")
    replicates = []
    for name in names:
        pair = [found[name] for found in results]
        for key in ("configs", "options"):
            if all(key in result for result in pair) and pair[0][key] != pair[1][key]:  # the oldest recorded neither
                raise InputError(f"{folders[1] / name}: has other {key} than {folders[0] / name}: no replicate of it.")
        replicates += _evaluations(pair, metric)
    return replicates


def replicates_table(replicates: Sequence[Replicate]) -> str:
    """Markdown: the mean size of the differences by method and selection, then every pair."""
    groups: dict[str, list[Replicate]] = defaultdict(list)
    for replicate in replicates:
        groups[_title(replicate)].append(replicate)
    selections = [name for name in SELECTIONS if any(name in replicate.means for replicate in replicates)]
    complete = [replicate for replicate in replicates if all(name in replicate.means for name in selections)]
    machines = [", or ".join(sorted(set(sides))) for sides in zip(*(r.machines for r in replicates), strict=True)]
    heads = [SELECTIONS[name] for name in selections]
    named = {**groups, "all": replicates, "all that have every selection": complete}
    sizes = DataFrame(
        [[title, *_sizes(members, selections)] for title, members in named.items()], columns=["row", *heads]
    )
    pairs = DataFrame(
        [
            [arrow(one.shift), _title(one), one.seed, *(_pair(one.means.get(name)) for name in selections)]
            for one in replicates
        ],
        columns=["shift", "row", "seed", *heads],
    )
    title = "**mean size of the difference between two trainings of one seed (largest; pairs)**"
    every = f"**every pair** (first: {machines[0]}; second: {machines[1]})"
    return f"{markdown_table(sizes, title)}\n\n{markdown_table(pairs, every)}"


def _evaluations(pair: Sequence[dict[str, Any]], metric: str) -> list[Replicate]:
    first, second = (result["scores"] for result in pair)
    machines = (machine_of(pair[0]), machine_of(pair[1]))
    found = []
    for evaluation in (name for name in first if name in second):
        one, other = first[evaluation], second[evaluation]
        pairs = {name: (one[name][f"{metric}_mean"], other[name][f"{metric}_mean"]) for name in one if name in other}
        means = {name: two for name, two in pairs.items() if None not in two}  # None where nothing was scored
        run = pair[0]
        shift = f"{run['source']}__{run['target']}"
        found.append(Replicate(shift, run["method"], run["seed"], evaluation, machines, means))
    return found


def _title(replicate: Replicate) -> str:
    return evaluation_title(replicate.method.replace("_", " "), replicate.evaluation)


def _sizes(replicates: Sequence[Replicate], selections: Sequence[str]) -> list[str]:
    cells = []
    for name in selections:
        sizes = [abs(one - other) for one, other in (r.means[name] for r in replicates if name in r.means)]
        cells.append(f"{fmean(sizes):.3f} ({max(sizes):.3f}; {len(sizes)})" if sizes else "")
    return cells


def _pair(means: tuple[float, float] | None) -> str:
    return "" if means is None else f"{means[0]:.3f} / {means[1]:.3f}"
