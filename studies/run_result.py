"""The JSON of a finished run: what it lacks of what is asked for now, and what an evaluation adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mani_monai.run.run_folder import SNAPSHOTS
from studies.plan import PLAIN, Run, Table
from studies.run_config import label_free_images

CHOICE = "label_free"
"""Key of what chose among the snapshots: the criterion, and the number of images."""
PARTS = {SNAPSHOTS: "snapshots", CHOICE: "what chose among the snapshots"}
"""Parts of an evaluation, as they are called where they are missing."""


def lacks(table: Table, run: Run, result: Mapping[str, Any]) -> dict[str, str]:
    """What a finished run lacks.

    Args:
        table: the plan.
        run: the run.
        result: its JSON.

    Returns:
        by evaluation what it lacks first: itself, by its name; one of ``PARTS``, where the bundle's evaluation writes
        them.
    """
    found = {}
    for name in (PLAIN, *run.method.evaluations):
        parts = [title for part, title in PARTS.items() if not result.get(part, {}).get(name)]
        if name not in result["scores"]:
            found[name] = name
        elif parts and label_free_images(table, run, name):
            found[name] = parts[0]
    return found


def with_metrics(result: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A run's JSON with the scores of further evaluations; whatever else it holds is kept.

    Args:
        result: what the JSON holds, or what is known of the training alone.
        metrics: what each evaluation's ``metrics.json`` holds, by name.
    """
    merged = {"tissues": {}, **result}
    scores, snapshots, choice = (dict(result.get(part, {})) for part in ("scores", SNAPSHOTS, CHOICE))
    for name, found in metrics.items():
        scores[name] = {**scores.get(name, {}), **found["selections"]}
        snapshots[name] = found.get(SNAPSHOTS, [])
        if CHOICE in found:
            choice[name] = {part: found[CHOICE][part] for part in ("criterion", "images")}
        merged["tissues"] = found.get("tissues") or merged["tissues"]
    return {**merged, "scores": scores, SNAPSHOTS: snapshots, CHOICE: choice}
