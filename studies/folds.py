"""Rows of several tables over every fold that all of them have: a shift and a seed is a fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from pandas import DataFrame

from mani_monai.utils import InputError
from studies.markdown import SELECTIONS, arrow, markdown_table
from studies.plan import PLAIN
from studies.results import read_folder, table_names
from studies.rows import evaluation_title
from studies.statistics import Difference, paired_difference

Fold = tuple[str, int]
"""Shift and seed."""


def read_folds(
    folders: Sequence[str | Path],
    rows: Sequence[str],
    selection: str,
    metric: str = "dice",
    only: Sequence[Fold] = (),
) -> dict[Fold, dict[str, dict[str, float]]]:
    """Reads what every one of some rows has scored.

    Args:
        folders: tables of finished runs, as ``read_folder`` takes them.
        rows: methods, "source_only", or evaluations of them, "source_only/adabn".
        selection: whose scores.
        metric: which of them.
        only: these folds; all where empty.

    Returns:
        by fold the scores of each row by image, of the images that all rows have; folds in the order of the folders,
        by shift and seed in them.

    Raises:
        InputError: when a folder has no such run, a row of a fold is in two folders, or a fold that is asked for, or
            every fold, lacks a row.
    """
    found: dict[Fold, dict[str, dict[str, float]]] = {}
    for folder in map(Path, folders):
        runs = read_folder(folder)
        if not runs:
            known = ", ".join(table_names(folder.parent)) or "none"
            raise InputError(f"{folder}: holds no finished run; there are some of {known}.")
        for run in runs.values():
            fold = (f"{run['source']}__{run['target']}", run["seed"])
            for evaluation, scores in run["scores"].items():
                row = run["method"] if evaluation == PLAIN else f"{run['method']}/{evaluation}"
                if row not in rows or selection not in scores:
                    continue
                if row in found.setdefault(fold, {}):
                    raise InputError(f"{folder}: has {row} on {_name(fold)}, and so has another folder; leave one out.")
                found[fold][row] = {image: s for image, s in scores[selection][metric].items() if s is not None}
    whole = {fold: {row: scores[row] for row in rows} for fold, scores in found.items() if set(rows) == scores.keys()}
    for fold in only:
        if fold not in whole:
            lacking = ", ".join(row for row in rows if row not in found.get(fold, {}))
            raise InputError(f"{_name(fold)}: the selection {selection} is missing of {lacking}.")
    if not whole:
        raise InputError(f"no fold has the selection {selection} of all of {', '.join(rows)}; ask for fewer rows.")
    whole = {fold: whole[fold] for fold in only} if only else whole
    return {fold: _common_images(scores) for fold, scores in whole.items()}


def folds_table(folds: Mapping[Fold, Mapping[str, Mapping[str, float]]], selection: str) -> str:
    """Markdown: the mean over images of each row on every fold, the mean over folds, and the last row's lead.

    Folds count alike, however many images they have; the interval is of folds, and says nothing of other pairs of
    data sets than theirs.

    Args:
        folds: what ``read_folds`` gives.
        selection: whose scores they are.
    """
    means = {fold: {row: fmean(of_row.values()) for row, of_row in scores.items()} for fold, scores in folds.items()}
    images = {fold: len(next(iter(scores.values()))) for fold, scores in folds.items()}
    rows = list(next(iter(folds.values())))
    last = rows[-1]
    cells = [
        [f"{arrow(shift)}, {seed}", images[shift, seed], *(f"{of_fold[row]:.3f}" for row in rows)]
        for (shift, seed), of_fold in means.items()
    ]
    over = [f"**{fmean(of_fold[row] for of_fold in means.values()):.3f}**" for row in rows]
    ahead = [str(sum(of_fold[last] > of_fold[row] for of_fold in means.values())) for row in rows[:-1]]
    cells += [
        ["**mean over folds** (images: sum)", sum(images.values()), *over],
        [f"lead of {row_title(last)}", "", *(str(_lead(means, last, row)) for row in rows[:-1]), ""],
        ["folds where it is ahead", "", *ahead, ""],
    ]
    frame = DataFrame(cells, columns=["shift, seed", "images", *map(row_title, rows)])
    return markdown_table(frame, f"**{len(folds)} {'folds' if len(folds) > 1 else 'fold'}, {SELECTIONS[selection]}**")


def row_title(row: str) -> str:
    """What a table calls a row."""
    method, _, evaluation = row.partition("/")
    return evaluation_title(method.replace("_", " "), evaluation or PLAIN)


def _lead(means: Mapping[Fold, Mapping[str, float]], row: str, other: str) -> Difference:
    """Paired by fold."""
    own, others = ({0: {str(fold): of_fold[name] for fold, of_fold in means.items()}} for name in (row, other))
    return paired_difference(own, others)


def _name(fold: Fold) -> str:
    return f"{fold[0]}/{fold[1]}"


def _common_images(scores: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    common = set.intersection(*(set(images) for images in scores.values()))
    return {row: {name: score for name, score in images.items() if name in common} for row, images in scores.items()}
