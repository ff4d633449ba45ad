"""The bundle's configs of a run: files, overrides, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fire.parser import DefaultParseValue

from ..utils import InputError
from .plan import Run, Table

if TYPE_CHECKING:
    from monai.bundle import ConfigParser


def config_files(table: Table, run: Run, overlays: Sequence[str] = ()) -> list[str]:
    """Paths of a run's configs: the table's base, the method's overlays, then further ones."""
    return [str(table.bundle / "configs" / name) for name in (*table.base, *run.method.overlays, *overlays)]


def run_overrides(run: Run, dataset_dir: str, folder: str | Path) -> dict[str, str]:
    """Command-line overrides of a run by name: data, split, seed and output folder, then the method's options."""
    return {
        "dataset_dir": dataset_dir,
        "source": run.training_source,
        "target": run.target,
        "split": run.split,
        "seed": str(run.seed),
        "output_dir": str(folder),
        **dict(run.method.options),
    }


def run_parser(table: Table, run: Run, dataset_dir: str, folder: str | Path) -> ConfigParser:
    """The training's configs with its overrides, read as the command line reads them.

    Raises:
        InputError: when an option names a place that the configs do not have.
    """
    from monai.bundle import ConfigParser  # seconds, which a table with nothing left to run need not wait

    parser = ConfigParser()
    parser.read_config(config_files(table, run))
    for name, value in run_overrides(run, dataset_dir, folder).items():
        if name not in parser:
            raise InputError(
                f"{run.method.name}: there is no option {name!r} in {', '.join(config_files(table, run))}."
            )
        parser[name] = DefaultParseValue(value)
    return parser


def write_resolved_config(table: Table, run: Run, dataset_dir: str, folder: str | Path) -> Path:
    """Writes what a training's configs and overrides come to, one file that trains the same run by itself.

    Args:
        table: the plan.
        run: the run.
        dataset_dir: folder of the prepared data sets.
        folder: the run's folder.

    Returns:
        the file, ``config.json`` in the run's folder.
    """
    parser = run_parser(table, run, dataset_dir, folder)
    parser.resolve_macro_and_relative_ids()
    path = Path(folder) / "config.json"
    content = {name: value for name, value in parser.get().items() if name != "_meta_"}
    parser.export_config_file(content, path, indent=1)
    return path
