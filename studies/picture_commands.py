"""Commands that draw: what runs predict, beside the ground truth."""

from __future__ import annotations

import json
from pathlib import Path

from mani_monai.apps.steps.run_steps import evaluate_run
from mani_monai.data.datalists import load_datalist
from mani_monai.utils import InputError
from mani_monai.utils.files import weights_file
from studies.instance_picture import draw_instances, extremes
from studies.picture import draw_comparison


def compare(
    *runs: str, images: str, out: str, split: str = "split_0", rows: int = 3, edge: int = 10_000, zoom: int = 1
) -> None:
    """Scores runs that are not scored yet, prints all scores, and draws masks of a few target test images.

    Scores without labels are left out; mani evaluate makes them. In the picture green is right, red is taken for nuclei
    and is none, blue is missed.

    Args:
        runs: folders of finished runs.
        images: folder of the prepared target data set, e.g. demo/data/toy_target.
        out: the picture.
        split: the target's split.
        rows: how many test images to draw.
        edge: side of the middle piece of them that is drawn, in pixels; the whole image by default.
        zoom: pixels of the picture a pixel of the images.
    """
    if not runs:
        raise InputError("name at least one run, e.g. demo/source_only demo/mani.")
    scored = {run: _scored(Path(run)) for run in runs}
    width = max(15, *(len(Path(run).name) for run in runs)) + 1
    names = {run: Path(run).name.ljust(width) for run in runs}
    print(f"{'run':<{width}}{'selection':<20}{'Dice':>7}{'spread':>8}{'images':>8}")
    titles = {}
    for run, folder in scored.items():
        selections = json.loads((folder / "metrics.json").read_text())["selections"]
        titles[run] = f"{Path(run).name}, Dice {selections['last']['dice_mean']:.2f}"
        for selection, score in selections.items():
            print(f"{names[run]}{selection:<20}{score['dice_mean']:>7.3f}{score['dice_std']:>8.3f}", end="")
            print(f"{len(score['dice']):>8}{'  uses target labels' if selection == 'oracle' else ''}")

    items = [item for item in load_datalist(Path(images) / f"target_{split}.json", "test") if "label" in item][:rows]
    pictures = [Path(item["image"]) for item in items]
    masks = {
        titles[run]: [folder / "predictions" / f"{picture.stem}_mask.png" for picture in pictures]
        for run, folder in scored.items()
    }
    draw_comparison(pictures, [Path(item["label"]) for item in items], masks, out, zoom, edge)
    print(f"picture: {out}")


def _scored(run: Path) -> Path:
    """The evaluation of a run's weights, by itself or for a table; it is made where there is none that is younger."""
    weights = weights_file(run)
    trained = weights.stat().st_mtime_ns if weights.is_file() else 0
    for folder in (run / "evaluation", run / "evaluation_plain"):
        path = folder / "metrics.json"
        if path.is_file() and path.stat().st_mtime_ns >= trained:
            return folder
    return evaluate_run(run, label_free_images=0)


def instances(
    evaluation: str,
    instances: str,
    images: str,
    out: str,
    split: str = "split_0",
    metric: str = "pq",
    selection: str = "last",
    crop: int = 500,
) -> None:
    """Draws the images that a run scored best, in the middle and worst on: image, ground truth and prediction.

    Args:
        evaluation: folder that evaluate.json wrote, with metrics.json in it.
        instances: folder that inference.json wrote for the same weights, with <image>_instances.png.
        images: folder of the prepared target data set, e.g. data/monuseg.
        out: the picture.
        split: the target's split that was scored.
        metric: what best and worst are measured by: pq, dq, sq, aji, aji_plus or dice.
        selection: whose scores.
        crop: edge of the middle piece that is shown, in pixels.
    """
    path = Path(evaluation) / "metrics.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; score the run with evaluate.json first.")
    scores = json.loads(path.read_text())["selections"].get(selection, {}).get(metric)
    if not scores or all(score is None for score in scores.values()):
        raise InputError(f"{path}: holds no {metric} of {selection}; choose another --metric or --selection.")
    items = {Path(item["image"]).stem: item for item in load_datalist(Path(images) / f"target_{split}.json", "test")}
    if not scores.keys() <= items.keys():
        raise InputError(f"{path}: is of images that are not in the test part of {split}; name its --split.")
    rows = {f"{rank}, {metric} {scores[name]:.3f}": name for rank, name in extremes(scores).items()}
    draw_instances(rows, items, Path(instances), out, crop)
    print(f"picture: {out}")
