"""What a training logged: every loss term and the source validation, from its TensorBoard files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

VALIDATION_TAG = "dice"
"""Of the key metric on the source's validation images."""

Curves = Mapping[str, list[tuple[int, float]]]
"""By name, (iteration, value) in the order of the iterations."""


def read_curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Reads the scalars of a run's ``tensorboard`` folder.

    Of an iteration that was made twice, since a training was cut off after its last checkpoint, the later one counts.

    Args:
        folder: the run's.

    Returns:
        curves by their tag; none where nothing was logged.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[str, dict[int, tuple[float, float]]] = {}
    for file in sorted((folder / "tensorboard").rglob("events.out.tfevents.*")):
        log = EventAccumulator(str(file), size_guidance={"scalars": 0})
        log.Reload()
        for tag in log.Tags()["scalars"]:
            for event in log.Scalars(tag):
                known = found.setdefault(tag, {}).get(event.step)
                if known is None or event.wall_time >= known[0]:
                    found[tag][event.step] = (event.wall_time, event.value)
    return {tag: [(step, values[step][1]) for step in sorted(values)] for tag, values in sorted(found.items())}
