"""Commands that need weights or images: descriptions of shifts, of AdaBN and of a discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studies.adabn import study_table, write_adabn_study
from studies.critic_report import critic_records, study_tables
from studies.critic_study import study_run
from studies.plan import load_table
from studies.prototype_study import study_prototypes
from studies.records import read_records, write_records
from studies.shift_report import draw_shifts, write_shifts
from studies.shifts import describe_shifts, shift_records

PLANS = tuple(f"studies/plans/{name}.json" for name in ("table1", "held_out", "confirmation", "choice"))


def shifts(
    table: str = "studies/plans/unet.json",
    dataset_dir: str = "data",
    work_dir: str = "runs",
    results_dir: str = "studies/results",
    out: str = "studies/results",
    seeds: int = 5,
    batches: int = 24,
) -> None:
    """Writes shifts.md (between its table marks), shifts.csv and shifts.png; runs whose weights are missing are named.

    It reads labels of source and target: a description, which no method sees. What it finds for a run is kept in
    <work_dir>/<table>/<run>/shifts.json for as long as its weights stay the same.

    Args:
        table: the plan: bundle, configs, shifts and methods.
        dataset_dir: folder of the data sets that mani prepare wrote.
        work_dir: folder where python -m studies table left weights, one folder a run.
        results_dir: folder of the results.
        out: folder for the three files.
        seeds: seeds 0 to seeds - 1.
        batches: training batches of each domain to estimate batch statistics on, up to 100.
    """
    plan = load_table(table)
    folders = (f"{work_dir}/{plan.folder}", f"{results_dir}/{plan.folder}")
    found = describe_shifts(plan, dataset_dir, *folders, seeds, batches)
    print(write_shifts(found, plan, seeds, f"{out}/shifts.md"))
    write_records(shift_records(found), Path(out, "shifts.csv"))
    draw_shifts(found, plan, seeds, f"{out}/shifts.png")


def adabn(
    tables: str | Sequence[str] = PLANS,
    methods: str | Sequence[str] = ("source_only", "stain_normalisation"),
    dataset_dir: str = "data",
    work_dir: str = "runs",
    results_dir: str = "studies/results",
    out: str = "studies/results",
    seeds: int = 1,
    batches: int = 48,
) -> None:
    """Writes stain_adabn.md (between its table marks) and stain_adabn.csv from runs whose weights are there.

    It reads test scores of finished runs, and chooses nothing. What it finds for a run is kept in
    <work_dir>/<table>/<run>/adabn_study.json for as long as its weights stay the same.

    Args:
        tables: the plans.
        methods: the rows to study, by name.
        dataset_dir: folder of the data sets that mani prepare wrote.
        work_dir: folder where python -m studies table left weights.
        results_dir: folder of the results.
        out: folder for the two files.
        seeds: seeds 0 to seeds - 1.
        batches: training batches of the target to re-estimate statistics on, up to the 100 of the configs.
    """
    methods = [methods] if isinstance(methods, str) else list(methods)
    found = {}
    for path in [tables] if isinstance(tables, str) else tables:
        plan = load_table(path)
        folders = (f"{work_dir}/{plan.folder}", f"{results_dir}/{plan.folder}")
        found |= study_table(plan, methods, dataset_dir, *folders, seeds, batches)
    print(write_adabn_study(found, Path(out, "stain_adabn.md"), Path(out, "stain_adabn.csv")))


def critic(
    run: str,
    dataset_dir: str | None = None,
    batches: int = 24,
    out: str = "studies/results",
) -> None:
    """Prints decisions with the target vector as it is and exchanged, and keeps the figures in critic.csv.

    It reads no label of the target.

    Args:
        run: folder of the run.
        dataset_dir: folder of the prepared data sets; the run's by default.
        batches: training batches to look at, up to the 100 of the configs' adabn_loader.
        out: folder of critic.csv, whose rows of this run are replaced.
    """
    found = study_run(run, {} if dataset_dir is None else {"dataset_dir": dataset_dir}, batches)
    path, name = Path(out, "critic.csv"), Path(run).name
    others = [record for record in read_records(path) if record["run"] != name]
    write_records([*others, *critic_records(name, found)], path)
    print(study_tables(found), end="")


def prototypes(run: str, dataset_dir: str | None = None, foreign: str | None = None, batches: int = 12) -> None:
    """Prints a run's loss under its own, shuffled and foreign target prototypes, and whether it is accepted.

    Cosines say how far the prototypes lie apart. It reads no label of the target.

    Args:
        run: folder of a finished run of methods/mani2.json.
        dataset_dir: folder of the prepared data sets; the run's by default.
        foreign: another data set, whose images give foreign prototypes.
        batches: training batches to look at, up to 100.
    """
    study = study_prototypes(run, dataset_dir, foreign, batches)
    for kind, value in study.losses.items():
        print(f"{kind:<10}{value:8.4f} nats")
    for compared, value in study.cosines.items():
        print(f"cosine {compared:<28}{value:6.3f}")
    print("accepted" if study.accepted else "not accepted: the loss does not look at the target, or is filled")
