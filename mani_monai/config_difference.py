"""Where two configs differ, and whether a bundle's ``inference.json`` says what its ``metadata.json`` declares.

MONAI follows ``inference.json``, and ``mani`` the declaration in ``metadata.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mani_monai.declaration import ROWS, Declaration
from mani_monai.inference_config import inference_config, with_project_names
from mani_monai.known_components import HOVER_PARTING
from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object

LONGEST = 60
"""Characters of a value that a message shows."""

DECIDING = (
    "ckpt",
    "network_def",
    "network",
    "features",
    "mode",
    "out_classes",
    "window",
    "output_size",
    "tiles",
    "inferer",
    "preprocessing",
    "postprocessing",
    "class_names",
    "evaluator",
)
"""Top-level keys by which nuclei are found. The others name places and files, or how fast it goes."""
_FILES = ("Load", "Save")
"""How the names of transforms begin that read and write files, of which there have been several."""


def check_same_steps(folder: Path, declaration: Declaration) -> None:
    """Refuses a folder whose ``inference.json`` finds other nuclei than its ``metadata.json`` declares.

    Args:
        folder: a run's, or a bundle's without hashes; one without ``inference.json`` says one thing alone.
        declaration: of its ``metadata.json``, with its calibration.

    Raises:
        InputError: with the key where both differ first.
    """
    path = folder / "configs" / "inference.json"
    remedy = "bring it back from the bundle's zip, or move it away"
    config = read_object(path, remedy)
    if not path.is_file() or declaration.axes != ROWS:
        return
    said, meant = _deciding(with_project_names(config)), _deciding(plain(inference_config(declaration, ".")))
    key = first_difference(said, meant)
    if key is not None:
        differing = f"its {key} is {shown_at(said, key)}, and metadata.json declares {shown_at(meant, key)}"
        where = "A change of steps belongs into the key 'model' of metadata.json."
        raise InputError(f"{path}: {differing}; {remedy}. {where}")


def first_difference(one: Any, other: Any, key: str = "") -> str | None:
    """Where two configs differ first, as ``losses::dice::weight``; None where they don't."""
    if isinstance(one, dict) and isinstance(other, dict):
        places: list[Any] = list(dict.fromkeys([*one, *other]))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        places = list(range(len(one)))
    else:
        return None if one == other else key
    for place in places:
        path = f"{key}::{place}" if key else str(place)
        if isinstance(one, dict) and (place in one) != (place in other):
            return path
        found = first_difference(one[place], other[place], path)
        if found is not None:
            return found
    return None


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as a file holds it, where tuples are lists.

    Raises:
        InputError: when it holds what JSON cannot.
    """
    try:
        return json.loads(json.dumps(config))
    except TypeError as error:
        raise InputError(f"the config cannot be kept in the run's folder ({error}); write it with plain values.") from (
            error
        )


def shown_at(config: Any, key: str) -> str:
    """The value at a key such as ``losses::dice::weight``, as JSON that a message has room for."""
    value = config
    for part in key.split("::"):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError):
            return "nothing"
    text = json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _steps_of_nuclei(config[key]) for key in DECIDING if key in config}


def _steps_of_nuclei(value: Any) -> Any:
    """A part of a config without the transforms that read and write files."""
    steps = value.get("transforms") if isinstance(value, dict) else None
    if not isinstance(steps, list):
        return value
    return {**value, "transforms": [_whole(step) for step in steps if not _is_of_files(step)]}


def _whole(step: Any) -> Any:
    from mani_monai.transforms.hover_instances import LARGEST_HOLE

    if isinstance(step, dict) and step.get("_target_") == HOVER_PARTING:
        return {"largest_hole": LARGEST_HOLE, **step}  # its default, which earlier versions did not write down
    return step


def _is_of_files(step: Any) -> bool:
    target = step.get("_target_") if isinstance(step, dict) else None
    return str(target).rpartition(".")[2].startswith(_FILES)
