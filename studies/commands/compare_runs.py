"""Puts evaluated runs beside each other: one table of Dice, one picture of masks."""

from __future__ import annotations

import json
from pathlib import Path

from mani_monai.data.datalists import load_datalist
from mani_monai.utils import InputError
from mani_monai.utils.command_line import run_command
from studies.picture import draw_comparison


def compare_runs(
    *runs: str, images: str, out: str, split: str = "split_0", rows: int = 3, edge: int = 10_000, zoom: int = 1
) -> None:
    """Prints the scores of evaluated runs and draws their masks of a few target test images.

    In the picture green is right, red is taken for nuclei and is none, blue is missed.

    Args:
        runs: folders of runs that evaluate.json or run_table.py has scored and whose masks inference.json wrote to
            <run>/masks.
        images: folder of the prepared target data set, e.g. demo/data/toy_target.
        out: the picture.
        split: the target's split.
        rows: how many test images to draw.
        edge: side of the middle piece of them that is drawn, in pixels; the whole image by default.
        zoom: pixels of the picture a pixel of the images.
    """
    if not runs:
        raise InputError("name at least one run, e.g. demo/source_only demo/mani.")
    width = max(15, *(len(Path(run).name) for run in runs)) + 1
    names = {run: Path(run).name.ljust(width) for run in runs}
    print(f"{'run':<{width}}{'selection':<20}{'Dice':>7}{'spread':>8}{'images':>8}")
    titles = {}
    for run in runs:
        path = _metrics(Path(run))
        selections = json.loads(path.read_text())["selections"]
        titles[run] = f"{Path(run).name}, Dice {selections['last']['dice_mean']:.2f}"
        for selection, score in selections.items():
            print(f"{names[run]}{selection:<20}{score['dice_mean']:>7.3f}{score['dice_std']:>8.3f}", end="")
            print(f"{len(score['dice']):>8}{'  uses target labels' if selection == 'oracle' else ''}")

    items = [item for item in load_datalist(Path(images) / f"target_{split}.json", "test") if "label" in item][:rows]
    pictures = [Path(item["image"]) for item in items]
    masks = {titles[run]: [Path(run) / "masks" / f"{picture.stem}_mask.png" for picture in pictures] for run in runs}
    draw_comparison(pictures, [Path(item["label"]) for item in items], masks, out, zoom, edge)
    print(f"picture: {out}")


def _metrics(run: Path) -> Path:
    """What evaluate.json wrote for a run, called by itself or by run_table.py."""
    paths = [run / folder / "metrics.json" for folder in ("evaluation", "evaluation_plain")]
    for path in paths:
        if path.is_file():
            return path
    raise InputError(f"{paths[0]}: no such file; score the run with evaluate.json first.")


if __name__ == "__main__":
    run_command(compare_runs)
