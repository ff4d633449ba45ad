"""What a training says of itself, beside its weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..data.writers.atomic import replacing
from ..utils import InputError
from ..utils.json_files import read_object

TRAINING_RECORD = "training.json"
STEPS = "image_steps"
NORMALISATION = "NormaliseStainsd"
PROJECT = "mani_monai."


def record_training(folder: str | Path, facts: Mapping[str, Any], steps: Sequence[Callable[..., Any]] = ()) -> None:
    """Writes ``training.json``, by which an export knows the images that the weights were trained on.

    Args:
        folder: the training's output folder.
        facts: source, target, split, seed, iterations and settings of the inference.
        steps: what every image went through before any augmentation; those of this project are recorded by name.

    Raises:
        InputError: when it cannot be written.
    """
    with replacing(Path(folder) / TRAINING_RECORD) as path:
        path.write_text(json.dumps({**facts, STEPS: _own(steps)}, indent=1) + "\n")


def read_training_record(folder: str | Path) -> dict[str, Any]:
    """What :func:`record_training` wrote; empty where there is no record.

    Raises:
        InputError: when it is no JSON object.
    """
    return read_object(Path(folder) / TRAINING_RECORD, "train again, or delete it")


def takes_normalised_stains(folder: str | Path) -> bool:
    """Whether a training's network was shown images with normalised stains; not, where it has no record."""
    return NORMALISATION in read_training_record(folder).get(STEPS, [])


def check_image_steps(folder: str | Path, steps: Sequence[Callable[..., Any]]) -> None:
    """Refuses to show a network images that were prepared in another way than those it was trained on.

    Args:
        folder: the training's output folder; one without a record is taken as it is.
        steps: what images go through now.

    Raises:
        InputError: when they are other steps of this project than the training's.
    """
    trained, asked = read_training_record(folder).get(STEPS), _own(steps)
    if trained is None or trained == asked:
        return
    this, other = (", ".join(names) or "no step of this project" for names in (trained, asked))
    raise InputError(
        f"{folder}: was trained on images that went through {this}, and these configs have {other}; name the overlays "
        "that it was trained with after train.json, such as stain_normalisation.json."
    )


def _own(steps: Sequence[Callable[..., Any]]) -> list[str]:
    kinds = [type(step) for step in steps]
    return [kind.__name__ for kind in kinds if kind.__module__.startswith(PROJECT)]
