"""What lies in a run's folder: weights, and evaluations that are finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CHECKPOINT = "checkpoint.pt"
"""What a training goes on from."""
SNAPSHOTS = "snapshots"
"""Key of an evaluation's scores of each snapshot, and the folder of their weights."""


def is_trained(folder: Path) -> bool:
    """Whether a training in this folder has come to its end, whoever started it."""
    return (folder / "model.pt").exists()


def is_begun(folder: Path) -> bool:
    """Whether there is something that a training would go on from, or that was trained."""
    return is_trained(folder) or (folder / CHECKPOINT).exists()


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
        if path.stat().st_mtime_ns < (folder / "model.pt").stat().st_mtime_ns:
            return None
        metrics = json.loads(path.read_text())
    except (OSError, ValueError):  # not there, or cut off while it was written
        return None
    return None if snapshots and has_snapshots(folder) and not metrics.get(SNAPSHOTS) else metrics
