"""The bundle's configs of a run: files, overrides, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fire.parser import DefaultParseValue

from mani_monai.config_index import DESCRIPTION, find_config
from mani_monai.utils import InputError
from studies.plan import PLAIN, Run, Table

if TYPE_CHECKING:
    from monai.bundle import ConfigParser


def config_files(table: Table, run: Run, overlays: Sequence[str] = ()) -> list[str]:
    """Paths of a run's configs: the table's base, the method's overlays, then further ones."""
    return [str(find_config(table.bundle, name)) for name in (*table.base, *run.method.overlays, *overlays)]


def evaluation_overlays(evaluation: str) -> list[str]:
    """Config files of an evaluation, on top of the training's."""
    return ["evaluate.json", *([] if evaluation == PLAIN else [f"{evaluation}.json"])]


def run_overrides(run: Run, dataset_dir: str, folder: str | Path) -> dict[str, str]:
    """Command-line overrides of a run by name: data, split, seed and output folder, then the method's options."""
    return {
        "dataset_dir": as_text(dataset_dir),
        "source": as_text(run.training_source),
        "target": as_text(run.target),
        "split": as_text(run.split),
        "seed": str(run.seed),
        "output_dir": as_text(str(folder)),
        **dict(run.method.options),
    }


def as_text(value: str) -> str:
    """A text so that the command line leaves it one: it would make a number of a data set called 2024."""
    return value if DefaultParseValue(value) == value else repr(value)


def run_parser(
    table: Table, run: Run, dataset_dir: str, folder: str | Path, overlays: Sequence[str] = ()
) -> ConfigParser:
    """The training's configs, and further ones, with its overrides, read as the command line reads them.

    Raises:
        InputError: when an option names a place that the configs do not have.
    """
    from monai.bundle import ConfigParser  # seconds, which a table with nothing left to run need not wait

    parser = ConfigParser()
    files = config_files(table, run, overlays)
    parser.read_config(files)
    for name, value in run_overrides(run, dataset_dir, folder).items():
        if name not in parser:
            raise InputError(f"{run.method.name}: there is no option {name!r} in {', '.join(files)}.")
        parser[name] = DefaultParseValue(value)
    return parser


def label_free_images(table: Table, run: Run, evaluation: str) -> int:
    """How many unlabelled images an evaluation scores the snapshots on; 0 where it scores none."""
    parser = run_parser(table, run, "", "", evaluation_overlays(evaluation))
    return int(parser.get_parsed_content("label_free_images", default=0))


def resolved_config(table: Table, run: Run, dataset_dir: str, folder: str | Path) -> dict[str, Any]:
    """What a training's configs and overrides come to: a config that trains the same run by itself.

    Args:
        table: the plan.
        run: the run.
        dataset_dir: folder of the prepared data sets.
        folder: the run's folder.
    """
    parser = run_parser(table, run, dataset_dir, folder)
    parser.resolve_macro_and_relative_ids()
    return {name: value for name, value in parser.get().items() if name not in ("_meta_", DESCRIPTION)}


def write_config(config: dict[str, Any], folder: str | Path) -> Path:
    """Writes a resolved config as ``config.json`` into a run's folder and returns its path."""
    path = Path(folder) / "config.json"
    path.write_text(json.dumps(config, indent=1))
    return path
