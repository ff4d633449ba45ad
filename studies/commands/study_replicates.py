"""Compares runs of the same name in two folders: the same seeds, on another machine or by other versions."""

from __future__ import annotations

from mani_monai.utils.command_line import run_command
from studies.replicates import read_replicates, replicates_table
from studies.report import write_between_marks


def study_replicates(
    first: str = "studies/results/runs/unet",
    second: str = "studies/results/gpu/unet",
    metric: str = "dice",
    out: str = "studies/results/replicates.md",
) -> None:
    """Prints, and writes between the table marks of a page, how far two trainings of one seed lie apart.

    Args:
        first: folder with a JSON a finished run, as studies/commands/run_table.py leaves it.
        second: another one.
        metric: the score.
        out: the page.
    """
    print(write_between_marks(replicates_table(read_replicates(first, second, metric)), out))


if __name__ == "__main__":
    run_command(study_replicates)
