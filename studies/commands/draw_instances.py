"""Draws the best, the median and the worst image of an evaluated run, with every nucleus outlined."""

from __future__ import annotations

import json
from pathlib import Path

from mani_monai.data.datalists import load_datalist
from mani_monai.utils import InputError
from mani_monai.utils.command_line import run_command
from studies.instance_picture import draw_instances, extremes


def draw(
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


if __name__ == "__main__":
    run_command(draw)
