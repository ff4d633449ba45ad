"""Scores of a trained run, for each way to select its weights."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from monai.engines import Evaluator
from torch import nn
from tqdm import tqdm

from mani_monai.evaluation.image_names import image_names
from mani_monai.evaluation.label_free_scorer import LabelFreeScorer
from mani_monai.evaluation.predictions import PredictionWriter
from mani_monai.evaluation.weight_average import second_half, snapshots_of
from mani_monai.evaluation.weights_scorer import Scores, WeightsScorer, scores_of
from mani_monai.utils import InputError
from mani_monai.utils.files import weights_file
from mani_monai.utils.folders import replacing
from mani_monai.utils.json_files import safe_cells, save_json
from mani_monai.utils.printing import phase
from mani_monai.utils.whole_tensors import load_whole

ORACLE = "oracle"
LABEL_FREE = "label_free"
NOTE = "label_free scores need no label; the snapshots' test scores are for the study of these and choose nothing"


def evaluate_selections(
    network: nn.Module,
    test: Evaluator,
    oracle: Evaluator | None,
    items: Sequence[Mapping[str, str]],
    run_dir: str,
    out_dir: str,
    facts: dict[str, Any],
    label_free: LabelFreeScorer | None = None,
    predictions: PredictionWriter | None = None,
) -> dict[str, Any]:
    """Scores the weights of a run on labelled target test images, once for each selection.

    ``last``, the last iterate; ``source_validation``, the best on labelled source images; ``average``, the mean of
    the snapshots of the training's second half (stochastic weight averaging, Izmailov et al. 2018; running batch
    statistics are averaged too); ``label_free``, the snapshot that is best on unlabelled target images; ``oracle``,
    the snapshot that is best on labelled target images: what the authors' code reports, and what nobody without
    target labels can select. Writes ``scores.csv`` (selection, image, each metric) and ``metrics.json``, and prints a
    table.

    With ``label_free``, ``metrics.json`` also holds each snapshot's scores without labels, None where they are no
    number, and, for the study of these alone, its means on the test images, which choose nothing.

    Args:
        network: the network that both evaluators hold.
        test: evaluator of the target's test images, in order and one a batch; its metric details are the scores.
        oracle: evaluator of the target's validation images, whose key metric decides; None where they have no labels.
        items: the test items, ``{"image": path, ...}``, in the evaluator's order.
        run_dir: folder of the run.
        out_dir: folder to write to.
        facts: what else to record, e.g. source, target, split, seed.
        label_free: scores the network without labels; None leaves ``label_free`` and the snapshots' scores out.
        predictions: writes what the last iterate predicts for the test images; None writes none.

    Returns:
        what ``metrics.json`` holds.

    Raises:
        InputError: when there is no labelled test image, the run is not finished or is of another network.
    """
    if not items:
        raise InputError(
            f"{run_dir}: the target's test list has no labels to score; "
            "prepare the target with --masks. mani infer needs none."
        )
    run, out = Path(run_dir), Path(out_dir)
    images = image_names(items)
    snapshots = snapshots_of(run)
    late = second_half(snapshots)
    last, source_validation = weights_file(run), weights_file(run, "model_source_val.pt")
    candidates = {"last": [last], "source_validation": [source_validation]}
    if len(late) > 1:
        candidates["average"] = late
    score = WeightsScorer(network, test, label_free)
    with phase("scoring the last weights"), nullcontext() if predictions is None else predictions.writing(test):
        score([last])
    studied = {}
    if label_free is not None and snapshots:
        files = tqdm([last, source_validation, *snapshots], desc="scoring snapshots without labels", unit="snapshot")
        studied = {path: score([path]) for path in files}
        candidates[LABEL_FREE] = [label_free.best({path: studied[path].label_free for path in snapshots})]
    if oracle is not None and snapshots:
        candidates[ORACLE] = snapshots

    selections = {}
    for name, paths in candidates.items():
        if name == ORACLE and oracle is not None:
            paths = [_best(oracle, network, paths)]
        weights = " to ".join(dict.fromkeys(_name(path, run) for path in (paths[0], paths[-1])))
        with phase(f"scoring {name.replace('_', ' ')}"):
            found = score(paths)
        selections[name] = {"weights": weights, "digest": found.digest} | _summary(found.test, images)

    result = {**facts, "selections": selections}
    if studied and label_free is not None:
        result["label_free"] = {"criterion": label_free.criterion, "images": len(label_free.images), "note": NOTE}
        result["snapshots"] = [
            {
                "weights": _name(path, run),
                "label_free": {name: _finite(value) for name, value in found.label_free.items()},
                "test": _means(found.test),
            }
            for path, found in studied.items()
        ]
    out.mkdir(parents=True, exist_ok=True)
    save_json(out / "metrics.json", result)
    _write_csv(selections, out / "scores.csv")
    print(selection_table(result), f"\nper image: {out / 'scores.csv'}", flush=True)
    return result


def _name(path: Path, run: Path) -> str:
    """Weights as ``--weights`` names them: a file of ``models`` by its own name, a snapshot by its path."""
    return str(path.relative_to(run)).removeprefix("models/")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _shown(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.3f}"


def selection_table(result: dict[str, Any]) -> str:
    """The selections of ``evaluate_selections`` as a text table: each metric's mean and spread over test images."""
    metrics = metric_names(result)
    wide = {metric: max(10, len(metric) + 2) for metric in metrics}
    heads = "".join(f"{metric:>{wide[metric]}}{'spread':>8}" for metric in metrics)
    lines = [f"{'selection':<42}{heads}{'images':>8}  weights"]
    for name, selection in result["selections"].items():
        shown = f"{name} (uses target labels: not adaptation)" if name == ORACLE else name
        figures = "".join(
            f"{_shown(selection[f'{m}_mean']):>{wide[m]}}{_shown(selection[f'{m}_std']):>8}" for m in metrics
        )
        lines.append(f"{shown:<42}{figures}{len(selection[metrics[0]]):>8}  {selection['weights']}")
    return "\n".join(lines)


def metric_names(result: dict[str, Any]) -> list[str]:
    """Names of the metrics that a result of ``evaluate_selections`` holds."""
    selection = next(iter(result["selections"].values()))
    return [name.removesuffix("_mean") for name in selection if name.endswith("_mean")]


def _best(oracle: Evaluator, network: nn.Module, snapshots: Sequence[Path]) -> Path:
    """The snapshot with the best key metric on the evaluator's images."""
    if len(snapshots) == 1:
        return snapshots[0]
    validation = {}
    for path in tqdm(snapshots, desc="scoring snapshots for the oracle", unit="snapshot"):
        scores = scores_of(oracle, network, load_whole(path), path)
        mean = _mean(scores[oracle.state.key_metric_name])
        validation[path] = -math.inf if mean is None else mean
    return max(snapshots, key=validation.__getitem__)


def _summary(scores: Scores, images: Sequence[str]) -> dict[str, Any]:
    """What is written of a selection; only metrics of one number an image have a mean and a spread."""
    summary: dict[str, Any] = {}
    for metric, values in scores.items():
        if not isinstance(values[0], list):
            scored = [value for value in values if value is not None]
            summary[f"{metric}_mean"] = _mean(values)
            summary[f"{metric}_std"] = float(np.std(scored)) if scored else None
        summary[metric] = dict(zip(images, values, strict=True))
    return summary


def _means(scores: Scores) -> dict[str, float | None]:
    """Mean over images of each metric of one number an image."""
    return {metric: _mean(values) for metric, values in scores.items() if not isinstance(values[0], list)}


def _mean(values: Sequence[float | None]) -> float | None:
    scored = [value for value in values if value is not None]
    return float(np.mean(scored)) if scored else None


def _write_csv(selections: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    metrics = metric_names({"selections": selections})
    with replacing(path) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["selection", "image", *metrics])
        for name, selection in selections.items():
            for image in selection[metrics[0]]:
                scores = [selection[metric][image] for metric in metrics]
                cells = ("" if score is None else f"{score:.6f}" for score in scores)
                writer.writerow([name, safe_cells({"image": image})["image"], *cells])
