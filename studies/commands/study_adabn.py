"""Studies what AdaBN does to single images: how near it brings the statistics in use to their own, and their Dice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mani_monai.utils.command_line import run_command
from studies import load_table
from studies.adabn_report import write_adabn_study
from studies.adabn_study import study_table

PLANS = tuple(f"studies/plans/{name}.json" for name in ("table1", "held_out", "confirmation", "choice"))


def study_adabn(
    tables: str | Sequence[str] = PLANS,
    methods: str | Sequence[str] = ("source_only", "stain_normalisation"),
    dataset_dir: str = "data",
    work_dir: str = "runs",
    results_dir: str = "studies/results/runs",
    out: str = "studies/results",
    seeds: int = 1,
    batches: int = 48,
) -> None:
    """Writes stain_adabn.md (between its table marks) and stain_adabn.json from runs whose weights are there.

    It reads test scores of finished runs, and chooses nothing. What it finds for a run is kept in
    <work_dir>/<table>/<run>/adabn_study.json for as long as its weights stay the same.

    Args:
        tables: the plans.
        methods: the rows to study, by name.
        dataset_dir: folder of the data sets that scripts/prepare_data.py wrote.
        work_dir: folder where studies/commands/run_table.py left weights.
        results_dir: folder of the scores of finished runs.
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
    print(write_adabn_study(found, Path(out, "stain_adabn.md"), Path(out, "stain_adabn.json")))


if __name__ == "__main__":
    run_command(study_adabn)
