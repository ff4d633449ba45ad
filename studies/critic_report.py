"""What a study of a run's discriminator shows: figures by condition, and the bound over its training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FIGURES = {
    "positives": "positives scored > 0",
    "negatives": "negatives scored <= 0",
    "accuracy": "accuracy",
    "ranked": "positive above negative",
    "bound": "bound",
}


def bound_over_training(run_dir: str | Path, name: str, parts: int = 10) -> list[dict[str, float]]:
    """The bound in stretches of the iterations that adapted, from the run's events.

    Args:
        run_dir: folder of the run.
        name: name of the loss.
        parts: how many stretches.

    Returns:
        ``first`` and ``last`` iteration and mean ``bound`` of each stretch; nothing where there are no events.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    values: dict[int, float] = {}
    for path in sorted(Path(run_dir).glob("tensorboard/*tfevents*")):
        events = EventAccumulator(str(path), size_guidance={"scalars": 0}).Reload()
        if name in events.Tags()["scalars"]:
            values.update({event.step: -event.value for event in events.Scalars(name)})
    steps = np.array_split(sorted(values), min(parts, len(values))) if values else []
    return [
        {"first": int(part[0]), "last": int(part[-1]), "bound": float(np.mean([values[step] for step in part]))}
        for part in steps
    ]


def study_tables(found: Mapping[str, Any]) -> str:
    """What ``critic_study.study_run`` gives, as Markdown."""
    blocks = []
    for name, study in found.items():
        lines = [f"**{name}**: pairs {study['pairs']}, bound {study['bound']}", ""]
        lines += [f"| target vector | {' | '.join(FIGURES.values())} |", "|---" * (len(FIGURES) + 1) + "|"]
        for condition, figures in study["conditions"].items():
            lines.append(f"| {condition} | " + " | ".join(f"{figures[figure]:.3f}" for figure in FIGURES) + " |")
        if study["training"]:
            lines += ["", "| iterations | bound in training |", "|---|---|"]
            lines += [f"| {part['first']} to {part['last']} | {part['bound']:.4f} |" for part in study["training"]]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"
