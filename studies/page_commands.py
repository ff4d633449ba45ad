"""Commands that read results alone: pages, and comparisons of rows, machines and criteria."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mani_monai.utils import InputError
from studies.folds import Fold, folds_table, read_folds
from studies.label_free import read_scored_runs, write_study
from studies.markdown import SELECTIONS, write_between_marks
from studies.plan import FOLDER, load_table
from studies.replicates import read_replicates, replicates_table
from studies.results import table_names, take_up
from studies.self_training_page import certainty_table, gains_table, parting_table, ways_table
from studies.statistics_page import ASKED_PAIRS, explored_table, goals_table, pair_table, rules_table
from studies.table_command import write_report
from studies.unseen_tissue import scores_tables
from studies.verdicts import (
    TRAINED_PAIRS,
    goals_of_verdicts,
    half_of,
    judged_pairs,
    judged_trainings,
    truth_table,
    verdicts_table,
)

RESULTS, GPU = Path("studies/results"), Path("studies/results/gpu")
GPU_TABLES = {"table1": "", "table2": "medium", "normalisation": "", "variants": ""}
"""Plans whose runs were made on a GPU as well, and their presets."""
ROWS = "source_only,source_only/adabn,stain_normalisation,stain_normalisation/adabn"


def pages(out: str = str(RESULTS)) -> None:
    """Writes every page's tables, figures and pictures anew from the results; text around the tables stays.

    Tables of shifts and of AdaBN's images need weights; ``shifts`` and ``adabn`` write these.

    Args:
        out: folder of the pages.
    """
    for results in (RESULTS, GPU):
        take_up(results)
    for path in sorted(FOLDER.glob("*.json")):
        write_report(load_table(path), RESULTS, Path(out))
    for name, preset in GPU_TABLES.items():
        plan = load_table(FOLDER / f"{name}.json")
        write_report(plan.with_preset(preset) if preset else plan, GPU, Path(out, "gpu"))
    folds(out=f"{out}/folds.md")
    label_free(out=f"{out}/label_free.md")
    replicates(out=f"{out}/replicates.md")
    weights(out=f"{out}/weights.md")
    statistics(out=f"{out}/statistics.md")
    verdicts(out=f"{out}/verdicts.md")
    self_training(out=f"{out}/self_training.md")


def folds(
    rows: str = ROWS,
    tables: str = "unet,held_out,confirmation,choice",
    folds: str = "",
    selection: str = "average",
    metric: str = "dice",
    results_dir: str = str(RESULTS),
    out: str = "",
) -> None:
    """Prints the mean of each row on every fold, their means over folds, and how far the last row is ahead.

    Args:
        rows: methods as names of runs have them, plain or with an evaluation: source_only,source_only/adabn.
        tables: names of tables of finished runs.
        folds: only these, in their order, e.g. tnbc__monuseg/0,consep__tnbc/1.
        selection: last, source_validation, average, label_free or oracle.
        metric: the score.
        results_dir: folder of the results.
        out: a page to write the table to, between its table marks; it is printed only where empty.
    """
    if selection not in SELECTIONS:
        raise InputError(f"--selection {selection}: choose from {', '.join(SELECTIONS)}.")
    places = [Path(results_dir, name) for name in _names(tables)]
    found = read_folds(places, _names(rows), selection, metric, [_fold(name) for name in _names(folds)])
    table = folds_table(found, selection)
    print(write_between_marks(table, out) if out else table)


def label_free(results_dir: str = str(RESULTS), metric: str = "dice", out: str = f"{RESULTS}/label_free.md") -> None:
    """Writes how well scores without labels choose among the snapshots and methods of finished runs.

    It reads test scores of snapshots: a study of the criteria, which chooses nothing.

    Args:
        results_dir: folder of the results.
        metric: the truth: a score of labelled test images.
        out: the page.
    """
    if not Path(results_dir).is_dir():
        raise InputError(f"--results_dir {results_dir}: no such folder; name the one that holds runs.csv.")
    tables = [Path(results_dir, name) for name in table_names(results_dir)]
    print(write_study(read_scored_runs(tables, metric), out))


def replicates(
    first: str = f"{RESULTS}/unet",
    second: str = f"{GPU}/unet",
    metric: str = "dice",
    out: str = f"{RESULTS}/replicates.md",
) -> None:
    """Prints, and writes between the table marks of a page, how far two trainings of one seed lie apart.

    Args:
        first: a table of finished runs: its name in the folder of the results.
        second: another one.
        metric: the score.
        out: the page.
    """
    print(write_between_marks(replicates_table(read_replicates(first, second, metric)), out))


def weights(scores: str = f"{RESULTS}/weights.csv", out: str = f"{RESULTS}/weights.md") -> None:
    """Prints, and writes between the table marks of a page, what ``unseen`` measured of weights and kept in a CSV file.

    Args:
        scores: a row an image and way of finding nuclei, as ``unseen`` writes them.
        out: the page.
    """
    print(write_between_marks(scores_tables(pd.read_csv(scores)), out))


def statistics(scores: str = f"{RESULTS}/statistics.csv", out: str = f"{RESULTS}/statistics.md") -> None:
    """Writes between the table marks of a page what the command ``statistics`` measured and kept in a CSV file.

    Args:
        scores: a row a model, tissue and candidate.
        out: the page.
    """
    rows = pd.read_csv(scores)
    tables = [table(rows) for table in (goals_table, rules_table, pair_table, explored_table)]
    print(write_between_marks("\n\n".join(filter(None, tables)), out))


def verdicts(
    scores: str = f"{RESULTS}/statistics.csv",
    trained: str = f"{RESULTS}/self_training.csv",
    out: str = f"{RESULTS}/verdicts.md",
) -> None:
    """Prints, and writes between the table marks of a page, the verdict of mani adapt beside the truth.

    Today's rules judge anew what the commands ``statistics`` and ``self_training`` measured.

    Args:
        scores: a row a model, tissue and candidate.
        trained: a row a model, tissue, way and seed.
        out: the page.
    """
    parts = {
        "Self-trained models": (judged_trainings(pd.read_csv(trained)), TRAINED_PAIRS),
        "Batch statistics alone": (judged_pairs(pd.read_csv(scores)), ASKED_PAIRS // 2),
    }
    tables = []
    for title, (judged, asked) in parts.items():
        tables += [f"### {title}", goals_of_verdicts(judged, asked), truth_table(judged), verdicts_table(judged)]
    print(write_between_marks("\n\n".join(tables), out))


def self_training(scores: str = f"{RESULTS}/self_training.csv", out: str = f"{RESULTS}/self_training.md") -> None:
    """Writes between the table marks of a page what the command ``self_training`` measured and kept in a CSV file.

    Args:
        scores: a row a model, tissue, way and seed.
        out: the page.
    """
    rows = pd.read_csv(scores)
    tables = [gains_table(rows), parting_table(rows, half_of), certainty_table(rows, half_of), ways_table(rows)]
    print(write_between_marks("\n\n".join(tables), out))


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _fold(name: str) -> Fold:
    shift, _, seed = name.partition("/")
    if not seed.isdecimal():
        raise InputError(f"--folds {name}: write SOURCE__TARGET/SEED, e.g. tnbc__monuseg/0.")
    return shift, int(seed)
