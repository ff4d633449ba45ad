"""Scores of a trained run, for each way to select its weights."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.engines import Evaluator
from torch import nn
from tqdm import tqdm

from ..utils import InputError
from ..utils.files import load_network, load_tensors

ORACLE = "oracle"


def evaluate_selections(
    network: nn.Module,
    test: Evaluator,
    oracle: Evaluator | None,
    items: Sequence[Mapping[str, str]],
    run_dir: str,
    out_dir: str,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Scores the weights of a run on labelled target test images, once for each selection.

    ``last``, the last iterate; ``source_validation``, the best on labelled source images; ``oracle``, the snapshot
    that is best on labelled target images: what the authors' code reports, and what nobody without target labels
    can select. Writes ``dice.csv`` (selection, image, dice) and ``metrics.json``, and prints a table.

    Args:
        network: the network that both evaluators hold.
        test: evaluator of the target's test images, in order and one a batch; its key metric is the Dice.
        oracle: evaluator of the target's validation images; None where they have no labels.
        items: the test items, ``{"image": path, ...}``, in the evaluator's order.
        run_dir: folder of the run.
        out_dir: folder to write to.
        facts: what else to record, e.g. source, target, split, seed.

    Returns:
        what ``metrics.json`` holds.

    Raises:
        InputError: when there is no labelled test image, the run is not finished or is of another network.
    """
    if not items:
        raise InputError(f"{run_dir}: the target's test list has no labels to score; inference.json needs none.")
    run, out = Path(run_dir), Path(out_dir)
    images = [Path(item["image"]).stem for item in items]
    candidates = {"last": [run / "model.pt"], "source_validation": [run / "model_source_val.pt"]}
    snapshots = sorted(run.glob("snapshots/iteration_*.pt"))
    if oracle is not None and snapshots:
        candidates[ORACLE] = snapshots

    selections = {}
    for name, paths in candidates.items():
        best = paths[0]
        if len(paths) > 1:
            scored = tqdm(paths, desc="scoring snapshots for the oracle", unit="snapshot")
            validation = {path: float(np.mean(_dice(oracle, network, path))) for path in scored}
            best = max(paths, key=validation.__getitem__)
        scores = _dice(test, network, best)
        selections[name] = {
            "weights": str(best.relative_to(run)),
            "dice_mean": float(np.mean(scores)),
            "dice_std": float(np.std(scores)),
            "dice": dict(zip(images, scores, strict=True)),
        }

    result = {**facts, "selections": selections}
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(result, indent=1) + "\n")
    with open(out / "dice.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["selection", "image", "dice"])
        for name, selection in selections.items():
            writer.writerows([name, image, f"{dice:.6f}"] for image, dice in selection["dice"].items())
    print(selection_table(result), f"\nper image: {out / 'dice.csv'}", flush=True)
    return result


def selection_table(result: dict[str, Any]) -> str:
    """The selections of ``evaluate_selections`` as a text table: Dice mean and spread over test images."""
    lines = [f"{'selection':<42}{'Dice':>7}{'spread':>8}{'images':>8}  weights"]
    for name, selection in result["selections"].items():
        shown = f"{name} (uses target labels: not adaptation)" if name == ORACLE else name
        lines.append(
            f"{shown:<42}{selection['dice_mean']:>7.3f}{selection['dice_std']:>8.3f}{len(selection['dice']):>8}"
            f"  {selection['weights']}"
        )
    return "\n".join(lines)


def _dice(evaluator: Evaluator, network: nn.Module, path: Path) -> list[float]:
    load_network(network, load_tensors(path), path)
    evaluator.run()
    details = evaluator.state.metric_details[evaluator.state.key_metric_name]
    return [float(value) for value in details.flatten()]
