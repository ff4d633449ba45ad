"""Makes a table of results: trains and scores what is missing, then writes the table and its figure."""

from __future__ import annotations

import fire

from mani_monai.experiments import TableRunner, load_table
from mani_monai.experiments.instance_tables import figures_table, tissues_table
from mani_monai.experiments.report import write_csv, write_figure, write_markdown
from mani_monai.experiments.rows import collect_rows

MOST_SEEDS = 5
"""Seeds that the lists of scripts/prepare_data.py have folds for."""


def run_table(
    table: str = "docs/results/tables/unet.json",
    dataset_dir: str = "data",
    seeds: int = 5,
    shifts: str = "",
    methods: str = "",
    jobs: int = 1,
    work_dir: str = "runs",
    results_dir: str = "docs/results/runs",
    out: str = "docs/results",
) -> None:
    """Trains and scores every run of a table that is not done yet, then writes what is done so far.

    Writes docs/results/<table>.md (between its table marks), .csv and .png. Kill it and start it again at any time:
    finished runs are kept, half ones resume.

    Args:
        table: the plan: bundle, configs, shifts and methods.
        dataset_dir: folder of the data sets that scripts/prepare_data.py wrote.
        seeds: seeds 0 to seeds - 1; seed k trains and tests on fold k of both domains.
        shifts: only these, e.g. tnbc__monuseg,consep__tnbc.
        methods: only these, e.g. source_only,mani.
        jobs: runs side by side, the cores shared out among them.
        work_dir: folder for weights and logs, one folder a run.
        results_dir: folder for the scores, one small JSON a finished run.
        out: folder for the table and its figure.
    """
    plan = load_table(table)
    runner = TableRunner(plan, dataset_dir, f"{work_dir}/{plan.name}", f"{results_dir}/{plan.name}", jobs)
    failed = runner(plan.runs(seeds, _names(shifts), _names(methods)))

    done = (plan.runs(MOST_SEEDS), runner.results_dir)
    rows = collect_rows(*done, plan.metrics[0])
    instances = [figures_table(*done, plan.metrics), tissues_table(*done, plan.metrics[0])]
    further = [table for table in instances if table and len(plan.metrics) > 1]
    print(write_markdown(rows, f"{out}/{plan.name}.md", further))
    write_csv(rows, f"{out}/{plan.name}.csv")
    write_figure(rows, f"{out}/{plan.name}.png", plan.metrics[0])
    if failed:
        raise SystemExit(f"{len(failed)} runs failed, see their logs in {runner.work_dir}: {', '.join(failed)}")


def _names(text: str | tuple[str, ...]) -> list[str]:
    return list(text) if isinstance(text, tuple) else [name for name in text.split(",") if name]


if __name__ == "__main__":
    fire.Fire(run_table)
