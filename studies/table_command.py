"""Makes a table of results: trains and scores what is missing, then writes the table and its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mani_monai.apps.prepare.toy import TOY_TISSUES
from mani_monai.data.datalists import check_data_set
from mani_monai.utils import InputError
from mani_monai.utils.command_line import end_on_signals
from mani_monai.utils.machine import cores_of_a_job, made_on, visible_gpus
from studies import (
    RunMaker,
    SubmititScheduler,
    Table,
    TableRunner,
    ThreadScheduler,
    load_table,
    table_path,
)
from studies.figures import bargains, shown_selection, write_cost_figure, write_figure
from studies.instance_tables import figures_table, tissues_table
from studies.panels import draw_panels, shift_panels
from studies.report import write_csv, write_markdown
from studies.results import take_up
from studies.rows import collect_rows, read_results
from studies.stain_baseline import with_stain

MOST_SEEDS = 5
"""Seeds that the lists of mani prepare have folds for."""


def table(
    table: str = "1",
    dataset_dir: str = "data",
    seeds: int = 5,
    shifts: str = "",
    methods: str = "",
    preset: str = "",
    jobs: int = 1,
    cluster: str = "",
    cluster_options: dict[str, Any] | None = None,
    work_dir: str = "runs",
    results_dir: str = "studies/results",
    out: str = "studies/results",
) -> None:
    """Trains and scores every run of a table that is not done yet, then writes what is done so far.

    Writes studies/results/<table>.md (between its table marks), .csv, .png and, where runs recorded their CPU
    time, _cost.png; and <work_dir>/panels/<table>, what each method predicts, which shows the data's images. Kill it
    and start it again: finished runs are kept, half ones resume, and what a finished run lacks of what the plan
    asks for is scored where its weights still lie in --work_dir. With --seeds 0 it only writes.

    Args:
        table: 1, 2, 3 or 4, or a plan of your own: bundle, configs, shifts and methods.
        dataset_dir: folder of the data sets that mani prepare wrote.
        seeds: seeds 0 to seeds - 1; seed k trains and tests on fold k of both domains. One seed of every row comes
            before the next.
        shifts: only these, e.g. tnbc__monuseg,consep__tnbc.
        methods: only these, e.g. source_only,mani.
        preset: another budget than the plan's: small, medium, quick, paper or authors_code, those that its bundle has;
            its runs and pages have names of their own.
        jobs: runs side by side, the cores shared out among them; GPUs go round.
        cluster: slurm, or local to try the same on this machine; each run is a job of submitit.
        cluster_options: what a job asks for, e.g. "{'slurm_partition': 'gpu', 'gpus_per_node': 1,
            'cpus_per_task': 4}".
        work_dir: folder for configs, weights and logs, one folder a run.
        results_dir: folder of the results. A finished run leaves a JSON there, which the tables take up at the end.
        out: folder for the table and its figures.
    """
    if not 0 <= seeds <= MOST_SEEDS:
        raise InputError(f"--seeds {seeds}: choose 0 to {MOST_SEEDS}; the lists have no further folds.")
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: choose 1 or more.")
    plan = load_table(table_path(table))
    plan = plan.with_preset(preset) if preset else plan
    runs = plan.runs(seeds, [name for name in shifts.split(",") if name], [name for name in methods.split(",") if name])

    end_on_signals()
    threads = None if cluster == "slurm" else cores_of_a_job(jobs)
    folders = (Path(work_dir) / plan.folder, Path(results_dir) / plan.folder)
    make = RunMaker(plan, dataset_dir, *folders, threads)
    if cluster:
        scheduler = SubmititScheduler(make, Path(work_dir) / "submitit", cluster, jobs, cluster_options)
    else:
        scheduler = ThreadScheduler(make, jobs, visible_gpus())
    missing = [run for run in runs if not make.is_done(run)]
    for name in sorted({name for run in missing for name in (run.training_source, run.target)} - TOY_TISSUES.keys()):
        check_data_set(dataset_dir, name)
    failed = TableRunner(make, scheduler)(runs)

    take_up(results_dir)
    write_report(plan, Path(results_dir), Path(out))
    write_panels(plan, folders[0], Path(dataset_dir), Path(work_dir) / "panels" / plan.name)
    if failed:
        raise SystemExit(f"{len(failed)} runs failed, see their logs in {folders[0]}: {', '.join(failed)}")


def write_report(plan: Table, results_dir: Path, out: Path) -> None:
    """Writes all that a table has: Markdown, CSV, a figure and, where costs are known, one of gain and cost.

    Tables have a row of the stain alone first; figures compare methods, and leave it out.

    Args:
        plan: the table.
        results_dir: folder of the results.
        out: folder of the page.
    """
    metric, *further_metrics = plan.metrics
    done = (plan.runs(MOST_SEEDS), results_dir / plan.folder)
    rows = collect_rows(*done, metric)
    tabled = with_stain(rows, done[1], metric)
    further = [figures_table(*done, plan.metrics), tissues_table(*done, metric)] if further_metrics else []
    further.append(made_on(read_results(*done).values()))
    shown = shown_selection(rows)
    found, picture = bargains(rows, shown), f"{plan.name}_cost.png"
    if found:
        further.append(f"![Gain over source-only against CPU time of the training]({picture})")
    print(write_markdown(tabled, out / f"{plan.name}.md", [text for text in further if text], metric))
    write_csv(tabled, out / f"{plan.name}.csv")
    write_figure(rows, out / f"{plan.name}.png", metric, shown)
    write_cost_figure(found, out / picture, metric, shown)


def write_panels(plan: Table, work_dir: Path, dataset_dir: Path, out: Path) -> None:
    """Draws what the methods predict, seed 0, a picture a shift: beside the runs, since they show the data's images."""
    for source, target in plan.shifts:
        runs = plan.runs(1, [f"{source}__{target}"], [])
        panels = shift_panels(runs, work_dir, dataset_dir, plan.metrics[0])
        if panels:
            path = out / f"{source}__{target}.png"
            draw_panels(panels, path)
            print(f"picture: {path}")
