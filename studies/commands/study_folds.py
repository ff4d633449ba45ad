"""Compares rows of several tables on every fold, a shift and a seed, that all of them have."""

from __future__ import annotations

from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.command_line import run_command
from studies.folds import Fold, folds_table, read_folds
from studies.report import SELECTIONS, write_between_marks


def study_folds(
    rows: str = "source_only,source_only/adabn,stain_normalisation,stain_normalisation/adabn",
    tables: str = "unet,held_out,confirmation,choice",
    folds: str = "",
    selection: str = "average",
    metric: str = "dice",
    results_dir: str = "studies/results/runs",
    out: str = "",
) -> None:
    """Prints the mean of each row on every fold, their means over folds, and how far the last row is ahead.

    Args:
        rows: methods as names of runs have them, plain or with an evaluation: source_only,source_only/adabn.
        tables: folders of finished runs in --results_dir.
        folds: only these, in their order, e.g. tnbc__monuseg/0,consep__tnbc/1.
        selection: last, source_validation, average, label_free or oracle.
        metric: the score.
        results_dir: where studies/commands/run_table.py left one folder a table.
        out: a page to write the table to, between its table marks; it is printed only where empty.
    """
    if selection not in SELECTIONS:
        raise InputError(f"--selection {selection}: choose from {', '.join(SELECTIONS)}.")
    folders = [Path(results_dir, name) for name in _names(tables)]
    table = folds_table(
        read_folds(folders, _names(rows), selection, metric, [_fold(name) for name in _names(folds)]), selection
    )
    print(write_between_marks(table, out) if out else table)


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _fold(name: str) -> Fold:
    shift, _, seed = name.partition("/")
    if not seed.isdecimal():
        raise InputError(f"--folds {name}: write SOURCE__TARGET/SEED, e.g. tnbc__monuseg/0.")
    return shift, int(seed)


if __name__ == "__main__":
    run_command(study_folds)
