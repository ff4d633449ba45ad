"""Studies how well scores without labels choose among the snapshots and methods of finished runs."""

from __future__ import annotations

from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.command_line import run_command
from studies.label_free_report import write_study
from studies.label_free_study import read_scored_runs


def study_label_free(
    results_dir: str = "studies/results/runs", metric: str = "dice", out: str = "studies/results"
) -> None:
    """Writes label_free.md (between its table marks) and label_free.json from the runs that have scored snapshots.

    It reads test scores of snapshots: a study of the criteria, which chooses nothing.

    Args:
        results_dir: folder with a folder of finished runs a table, as run_table.py leaves it; or one of these.
        metric: the truth: a score of labelled test images.
        out: folder for the page and the figures.
    """
    if not Path(results_dir).is_dir():
        raise InputError(f"--results_dir {results_dir}: no such folder; name the one that run_table.py wrote to.")
    folders = [Path(results_dir), *sorted(path for path in Path(results_dir).iterdir() if path.is_dir())]
    runs = read_scored_runs(folders, metric)
    print(write_study(runs, f"{out}/label_free.md", f"{out}/label_free.json"))


if __name__ == "__main__":
    run_command(study_label_free)
