"""What a study of a run's discriminator shows: figures by condition, and the bound over its training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pandas import DataFrame

from studies.markdown import markdown_table

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
        rows = [
            [condition, *(f"{figures[figure]:.3f}" for figure in FIGURES)]
            for condition, figures in study["conditions"].items()
        ]
        title = f"**{name}**: pairs {study['pairs']}, bound {study['bound']}"
        blocks.append(markdown_table(DataFrame(rows, columns=["target vector", *FIGURES.values()]), title))
        if study["training"]:
            parts = [[f"{part['first']} to {part['last']}", f"{part['bound']:.4f}"] for part in study["training"]]
            blocks.append(markdown_table(DataFrame(parts, columns=["iterations", "bound in training"])))
    return "\n\n".join(blocks) + "\n"


def critic_records(run: str, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What ``critic_study.study_run`` gives, as rows of ``critic.csv``, a figure each.

    Args:
        run: the run's name.
        found: what the study gives.
    """
    records = []
    for loss, study in found.items():
        named = {"run": run, "loss": loss, "pairs": study["pairs"], "bound": study["bound"]}
        for condition, figures in study["conditions"].items():
            rows = [{"first": None, "last": None, "figure": name, "value": value} for name, value in figures.items()]
            records += [{**named, "part": condition, **row} for row in rows]
        for part in study["training"]:
            stretch = {"first": part["first"], "last": part["last"], "figure": "bound", "value": part["bound"]}
            records.append({**named, "part": "training", **stretch})
    return records
