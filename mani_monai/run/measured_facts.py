"""What was measured of a finished run's weights: it stays where a resume trains nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mani_monai.declaration import Declaration
from mani_monai.provenance import PROTOTYPES, training_of
from mani_monai.run.run_folder import CHECKPOINT, is_trained, metadata_file
from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object
from mani_monai.utils.whole_tensors import load_whole

MEASURED = (PROTOTYPES,)
"""Entries of a training's facts that a step after the training notes."""


def trains_nothing(folder: Path, iterations: int) -> bool:
    """Whether a resume leaves a run's weights as they are.

    Args:
        folder: the run's folder.
        iterations: how many are asked for.

    Raises:
        InputError: when the checkpoint cannot be read.
    """
    if not (is_trained(folder) and (folder / CHECKPOINT).is_file()):
        return False
    return load_whole(folder / CHECKPOINT).get("iteration", 0) >= iterations


def measured_facts(folder: Path) -> dict[str, Any]:
    """What steps after a run's training have noted of its weights beside its facts.

    Args:
        folder: the run's folder, with its metadata.

    Raises:
        InputError: when the metadata cannot be read.
    """
    path = metadata_file(folder)
    training = training_of(read_object(path, "train anew"), path, "train anew")
    return {name: training[name] for name in MEASURED if name in training}


def as_calibrated(folder: Path, declaration: Declaration) -> Declaration:
    """A declaration with the calibration that was fitted to a run's weights; itself where there is none.

    Args:
        folder: the run's folder, with its metadata.
        declaration: what the run's network is by its configs.

    Raises:
        InputError: when the metadata cannot be read.
    """
    try:
        earlier = Declaration.from_metadata(read_object(metadata_file(folder), "train anew"))
    except InputError:  # of an earlier version; it is written anew
        return declaration
    calibrated = earlier.parting != declaration.parting and earlier.uncalibrated().parting == declaration.parting
    return declaration.trained(parting=earlier.parting) if calibrated else declaration
