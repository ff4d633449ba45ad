"""What lies in a run's folder: configs, weights, a checkpoint, and evaluations that are finished."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mani_monai.config_difference import first_difference, plain, shown_at
from mani_monai.utils import InputError
from mani_monai.utils.files import weights_file
from mani_monai.utils.folders import replacing
from mani_monai.utils.json_files import config_text, read_object

CHECKPOINT = "checkpoint.pt"
"""What a training goes on from."""
SNAPSHOTS = "snapshots"
"""Key of an evaluation's scores of each snapshot, and the folder of their weights."""
SAID = ("bundle_root", "dataset_dir", "source", "target", "split")
"""Texts of a run's config that every step after its training reads; several data sets are a list of them."""
SETS = ("source", "target")
"""Those of ``SAID`` that may name several data sets."""
PLACES = ("dataset_dir", "output_dir", "bundle_root", "resume", "overwrite", "device", "num_workers", "quiet")
"""Keys that say where and how a training runs, not what is trained."""
LENGTHS = ("iterations", "epochs")
"""Keys that a training which goes on may raise."""
FORMER = ("training.json", "config.json", "model.pt")
"""Files that a run of the version before had beside its checkpoint."""


def train_config(folder: Path) -> Path:
    """The resolved config of a run's training."""
    return Path(folder) / "configs" / "train.json"


def metadata_file(folder: Path) -> Path:
    """What a run says of its network, its data sets and their licences."""
    return Path(folder) / "configs" / "metadata.json"


def is_trained(folder: Path) -> bool:
    """Whether a training in this folder has come to its end, whoever started it."""
    return weights_file(folder).exists()


def is_begun(folder: Path) -> bool:
    """Whether there is something that a training would go on from, or that was trained."""
    return is_trained(folder) or (folder / CHECKPOINT).exists()


def check_layout(folder: Path) -> None:
    """Refuses a folder that a version before this one has trained in.

    Raises:
        InputError: when it is one.
    """
    if not train_config(folder).exists() and any((folder / name).exists() for name in FORMER):
        raise InputError(
            f"{folder}: was trained by an earlier version, which did not keep its config; train anew in another "
            "folder, or go on with the version that trained it."
        )


def read_train_config(folder: str | Path) -> dict[str, Any]:
    """The resolved config of a run, with every text of ``SAID``.

    Raises:
        InputError: when the folder holds no run, one of an earlier version, or one whose config is incomplete.
    """
    folder = Path(folder)
    check_layout(folder)
    path = train_config(folder)
    if not path.is_file():
        what = "holds no training's configs/train.json" if folder.is_dir() else "no such folder"
        raise InputError(f"{folder}: {what}; name the output_dir of a training.")
    config = read_object(path, "train anew")
    for name in SAID:
        value = config.get(name)
        texts = value if name in SETS and isinstance(value, list) and value else [value]
        if not all(isinstance(text, str) for text in texts):
            raise InputError(f"{path}: is incomplete, without the text {name!r}; copy the run again, or train anew.")
    return config


def check_same_config(folder: Path, config: Mapping[str, Any], besides: Sequence[str] = ()) -> None:
    """Refuses to go on with another config's training.

    Args:
        folder: the run's folder.
        config: the resolved config that is asked for now.
        besides: further keys that may differ.

    Raises:
        InputError: when the folder's config is another one, places left out.
    """
    path = train_config(folder)
    if not path.exists():
        raise InputError(
            f"{folder}: holds a training that does not say what it was trained on (configs/train.json is gone); name "
            "another folder, or delete this one to train anew."
        )
    made = read_object(path, "delete the folder to train anew")
    asked = plain(config)
    left_out = {*PLACES, *besides}
    made, asked = ({name: one for name, one in side.items() if name not in left_out} for side in (made, asked))
    key = first_difference(asked, made)
    if key is not None:
        raise InputError(
            f"{folder}: holds a training whose {key} is not what is asked for now ({shown_at(made, key)}, not "
            f"{shown_at(asked, key)}): ask for the same to go on, name another folder, or delete it to train anew."
        )


def write_config(config: Mapping[str, Any], folder: str | Path) -> Path:
    """Writes a resolved config as ``configs/train.json`` into a run's folder and returns its path."""
    path = train_config(Path(folder))
    with replacing(path) as partial:
        partial.write_text(config_text(plain(config)), encoding="utf-8")
    return path


def has_snapshots(folder: Path) -> bool:
    """Whether weights of the training's course still lie there."""
    return any((folder / SNAPSHOTS).glob("iteration_*.pt"))


def evaluation_folder(folder: Path, evaluation: str) -> Path:
    """Where an evaluation of a run leaves its scores."""
    return folder / f"evaluation_{evaluation}"


def finished_metrics(folder: Path, evaluation: str, snapshots: bool) -> dict[str, Any] | None:
    """The scores of an evaluation that need not be made again.

    Args:
        folder: the run's folder.
        evaluation: its name.
        snapshots: whether they have to hold scores of the snapshots, where there are any.

    Returns:
        None where there are none, they are older than the weights, or they lack the snapshots' scores.
    """
    path = evaluation_folder(folder, evaluation) / "metrics.json"
    try:
        if path.stat().st_mtime_ns < weights_file(folder).stat().st_mtime_ns:
            return None
        metrics = json.loads(path.read_text())
    except (OSError, ValueError):  # not there, or cut off while it was written
        return None
    return None if snapshots and has_snapshots(folder) and not metrics.get(SNAPSHOTS) else metrics
