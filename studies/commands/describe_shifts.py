"""Describes the shifts of a table: colours, stains, nuclei, batch statistics and features, beside what runs score."""

from __future__ import annotations

from pathlib import Path

from mani_monai.utils.command_line import run_command
from mani_monai.utils.json_files import save_json
from studies import load_table
from studies.shift_report import draw_shifts, write_shifts
from studies.shifts import describe_shifts, rounded


def describe(
    table: str = "studies/plans/unet.json",
    dataset_dir: str = "data",
    work_dir: str = "runs",
    results_dir: str = "studies/results/runs",
    out: str = "studies/results",
    seeds: int = 5,
    batches: int = 24,
) -> None:
    """Writes shifts.md (between its table marks), shifts.json and shifts.png; runs whose weights are missing are named.

    It reads labels of source and target: a description, which no method sees. What it finds for a run is kept in
    <work_dir>/<table>/<run>/shifts.json for as long as its weights stay the same.

    Args:
        table: the plan: bundle, configs, shifts and methods.
        dataset_dir: folder of the data sets that scripts/prepare_data.py wrote.
        work_dir: folder where studies/commands/run_table.py left weights, one folder a run.
        results_dir: folder of the scores of finished runs.
        out: folder for the three files.
        seeds: seeds 0 to seeds - 1.
        batches: training batches of each domain to estimate batch statistics on, up to 100.
    """
    plan = load_table(table)
    folders = (f"{work_dir}/{plan.folder}", f"{results_dir}/{plan.folder}")
    found = describe_shifts(plan, dataset_dir, *folders, seeds, batches)
    print(write_shifts(found, plan, seeds, f"{out}/shifts.md"))
    save_json(Path(out, "shifts.json"), rounded(found))
    draw_shifts(found, plan, seeds, f"{out}/shifts.png")


if __name__ == "__main__":
    run_command(describe)
