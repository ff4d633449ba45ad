"""Puts evaluated runs beside each other: one table of Dice, one picture of masks."""

from __future__ import annotations

import json
from pathlib import Path

import fire

from mani_monai.data.datalists import load_datalist
from mani_monai.experiments.picture import draw_comparison
from mani_monai.utils import InputError


def compare_runs(*runs: str, images: str, out: str, split: str = "split_0", rows: int = 3) -> None:
    """Prints the scores of evaluated runs and draws their masks of a few target test images.

    Args:
        runs: folders of runs that evaluate.json has scored and whose masks inference.json wrote to <run>/masks.
        images: folder of the prepared target data set, e.g. demo/data/toy_target.
        out: the picture.
        split: the target's split.
        rows: how many test images to draw.
    """
    if not runs:
        raise InputError("name at least one run, e.g. demo/source_only demo/mani.")
    print(f"{'run':<16}{'selection':<20}{'Dice':>7}{'spread':>8}{'images':>8}")
    for run in runs:
        path = Path(run) / "evaluation" / "metrics.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file; score the run with evaluate.json first.")
        for selection, score in json.loads(path.read_text())["selections"].items():
            print(f"{Path(run).name:<16}{selection:<20}{score['dice_mean']:>7.3f}{score['dice_std']:>8.3f}", end="")
            print(f"{len(score['dice']):>8}{'  uses target labels' if selection == 'oracle' else ''}")

    items = [item for item in load_datalist(Path(images) / f"target_{split}.json", "test") if "label" in item][:rows]
    pictures = [Path(item["image"]) for item in items]
    masks = {Path(run).name: [Path(run) / "masks" / f"{picture.stem}_mask.png" for picture in pictures] for run in runs}
    draw_comparison(pictures, [Path(item["label"]) for item in items], masks, out)
    print(f"picture: {out}")


if __name__ == "__main__":
    fire.Fire(compare_runs)
