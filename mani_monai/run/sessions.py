"""What the processes of a run's steps used, one session each: a training that was cut off has several."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from mani_monai.run.launcher import Usage
from mani_monai.utils.json_files import save_json

Session = Mapping[str, float | None]
"""A ``Usage`` by name."""
UNKNOWN: Session = dict.fromkeys(field.name for field in fields(Usage))
"""A session that nobody measured: another program's, or one whose maker was killed with it."""


def read_sessions(folder: Path, step: str) -> list[Session]:
    """The sessions of a step so far."""
    path = folder / f"{step}_usage.json"
    return json.loads(path.read_text()) if path.exists() else []


def write_sessions(folder: Path, step: str, sessions: Sequence[Session]) -> None:
    """Keeps the sessions of a step in the run's folder."""
    save_json(folder / f"{step}_usage.json", list(sessions))


def training_figures(sessions: Sequence[Session]) -> dict[str, Any]:
    """What a training took, for its JSON.

    Args:
        sessions: from the training's first to its last; the last one is the one that ended it.

    Returns:
        sums of the times, peak memory and the number of sessions; all None where a session is unknown, or where none
        of them ended the training, so that somebody else's did.
    """
    names = ("training_seconds", "training_cpu_seconds", "peak_memory_mib", "sessions")
    if not sessions or sessions[-1]["status"] != 0 or any(session["seconds"] is None for session in sessions):
        return dict.fromkeys(names)
    measured = cast("Sequence[Mapping[str, float]]", sessions)
    figures = (
        round(sum(session["seconds"] for session in measured)),
        round(sum(session["cpu_seconds"] for session in measured)),
        round(max(session["peak_memory_mib"] for session in measured)),
        len(sessions),
    )
    return dict(zip(names, figures, strict=True))
