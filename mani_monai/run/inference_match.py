"""Whether ``inference.json``, which MONAI follows, says the same as the declaration, which ``mani`` follows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mani_monai.declaration import ROWS, Declaration
from mani_monai.inference_config import inference_config, with_project_names
from mani_monai.run.config_match import first_difference, plain, shown_value
from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object

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
        folder: a bundle's or a run's; one without ``inference.json`` says one thing alone.
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
        differing = f"its {key} is {shown_value(said, key)}, and metadata.json declares {shown_value(meant, key)}"
        where = "A change of steps belongs into the key 'model' of metadata.json."
        raise InputError(f"{path}: {differing}; {remedy}. {where}")


def _deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _without_files(config[key]) for key in DECIDING if key in config}


def _without_files(value: Any) -> Any:
    """A part of a config without the transforms that read and write files."""
    steps = value.get("transforms") if isinstance(value, dict) else None
    if not isinstance(steps, list):
        return value
    return {**value, "transforms": [step for step in steps if not _is_of_files(step)]}


def _is_of_files(step: Any) -> bool:
    target = step.get("_target_") if isinstance(step, dict) else None
    return str(target).rpartition(".")[2].startswith(_FILES)
