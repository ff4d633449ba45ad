"""The bundle's training that a run of a table is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mani_monai.config_index import find_config
from mani_monai.run.bundle_training import BundleTraining, as_text
from studies.plan import PLAIN, Run, Table

if TYPE_CHECKING:
    from monai.bundle import ConfigParser


def overlay_paths(table: Table, overlays: Sequence[str]) -> list[str]:
    """Paths of some of the bundle's configs."""
    return [str(find_config(table.bundle, name)) for name in overlays]


def evaluation_overlays(evaluation: str) -> list[str]:
    """Config files of an evaluation, on top of the training's."""
    return ["evaluate.json", *([] if evaluation == PLAIN else [f"{evaluation}.json"])]


def bundle_training(table: Table, run: Run, dataset_dir: str, folder: str | Path) -> BundleTraining:
    """A run's configs, the table's base before the method's overlays, and its overrides.

    Args:
        table: the plan.
        run: the run.
        dataset_dir: folder of the prepared data sets.
        folder: the run's folder.
    """
    options = {
        "dataset_dir": as_text(dataset_dir),
        "source": as_text(run.training_source),
        "target": as_text(run.target),
        "split": as_text(run.split),
        "seed": str(run.seed),
        "output_dir": as_text(str(folder)),
        **dict(run.method.options),
    }
    configs = overlay_paths(table, [*table.base, *run.method.overlays])
    return BundleTraining(run.method.name, tuple(configs), options)


def run_parser(table: Table, run: Run, dataset_dir: str, folder: str | Path) -> ConfigParser:
    """The training's configs with its overrides, read as the command line reads them.

    Raises:
        InputError: when an option names a place that the configs do not have.
    """
    return bundle_training(table, run, dataset_dir, folder).parser()


def label_free_images(table: Table, run: Run, evaluation: str) -> int:
    """How many unlabelled images an evaluation scores the snapshots on; 0 where it scores none."""
    overlays = overlay_paths(table, evaluation_overlays(evaluation))
    parser = bundle_training(table, run, "", "").parser(overlays)
    return int(parser.get_parsed_content("label_free_images", default=0))
