"""What a training says of itself, beside its weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object, save_json

TRAINING_RECORD = "training.json"
STEPS = "image_steps"
NORMALISATION = "NormaliseStainsd"


def write_training_record(folder: str | Path, facts: Mapping[str, Any], steps: Sequence[Callable[..., Any]]) -> None:
    """Writes ``training.json``, by which an export knows the images that the weights were trained on.

    Args:
        folder: the training's output folder.
        facts: source, target, split, seed, iterations and settings of the inference.
        steps: what every image goes through before any augmentation; their class names are recorded.

    Raises:
        InputError: when it cannot be written.
    """
    save_json(Path(folder) / TRAINING_RECORD, {**facts, STEPS: list(_names(steps))})


def read_training_record(folder: str | Path) -> dict[str, Any]:
    """What :func:`write_training_record` wrote; empty where there is no record.

    Raises:
        InputError: when it is no such record.
    """
    path = Path(folder) / TRAINING_RECORD
    record = read_object(path, "train again")
    steps = record.get(STEPS, [])
    if not isinstance(steps, list) or not all(isinstance(name, str) for name in steps):
        raise InputError(f"{path}: its {STEPS} are no list of names; train again.")
    return record


def check_image_steps(folder: str | Path, steps: Sequence[Callable[..., Any]]) -> None:
    """Refuses to show a network images that were read in another way than those it was trained on.

    Steps are told apart by the names of their classes, not by their settings.

    Args:
        folder: the training's output folder; one without a record is taken as it is.
        steps: what images go through now.

    Raises:
        InputError: when they are other steps than the training's.
    """
    trained, asked = read_training_record(folder).get(STEPS), list(_names(steps))
    if trained is None or trained == asked:
        return
    left_out = ", ".join((Counter(trained) - Counter(asked)).elements())
    added = ", ".join((Counter(asked) - Counter(trained)).elements())
    if left_out:
        what = f"was trained on images that went through {left_out}, which these configs leave out"
        remedy = "name the overlays that it was trained with after train.json, such as stain_normalisation.json"
    elif added:
        what = f"was trained on images that did not go through {added}, which these configs add"
        remedy = "leave out the overlay that adds it"
    else:
        what, remedy = f"was trained on images that went through {', '.join(trained)}, in this order", "keep to it"
    raise InputError(f"{folder}: {what}; {remedy}.")


def _names(steps: Sequence[Callable[..., Any]]) -> Iterator[str]:
    for step in steps:
        within = getattr(step, "transforms", None)
        if isinstance(within, Sequence):  # a Compose
            yield from _names(within)
        else:
            yield type(step).__name__
