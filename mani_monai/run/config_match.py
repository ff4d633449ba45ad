"""Whether what lies in a run's folder was made by the config that is asked for now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object, save_json

PLACES = ("dataset_dir", "output_dir", "bundle_root", "resume")
"""Keys that say where things lie, not what is trained."""


def check_same_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuses to go on with another config's training.

    Args:
        folder: the run's folder; one without ``config.json`` is taken as it is.
        config: the resolved config that is asked for now.

    Raises:
        InputError: when the folder's config is another one, places left out.
    """
    path = folder / "config.json"
    if not path.exists():
        return
    made = read_object(path, "delete it to go on with this folder as it is")
    asked = json.loads(json.dumps(config))  # tuples are lists in a file
    made, asked = ({name: one for name, one in side.items() if name not in PLACES} for side in (made, asked))
    key = first_difference(asked, made)
    if key is not None:
        raise InputError(
            f"{folder}: holds a training whose {key} is not what is asked for now: give the method another name, "
            "delete the folder (and the run's JSON) to train anew, or delete its config.json to go on with it as it is."
        )


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


def write_config(config: Mapping[str, Any], folder: str | Path) -> Path:
    """Writes a resolved config as ``config.json`` into a run's folder and returns its path."""
    path = Path(folder) / "config.json"
    save_json(path, config)
    return path
