"""A picture a shift: what every method of a table predicts for the same image."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from mani_monai.data.datalists import load_datalist
from mani_monai.data.writers import outline_mask, outline_nuclei
from mani_monai.run.run_folder import evaluation_folder
from studies.instance_picture import extremes
from studies.picture import PREDICTION, TRUTH, middle
from studies.plan import PLAIN, Run
from studies.rows import BASELINE

COLUMNS = 5
"""Panels side by side; the next ones go below."""


@dataclass(frozen=True)
class Panel:
    """One part of a picture.

    Args:
        title: what stands above it.
        image: HW3.
    """

    title: str
    image: NDArray[np.uint8]


def shift_panels(runs: Sequence[Run], work_dir: Path, dataset_dir: Path, metric: str, crop: int = 400) -> list[Panel]:
    """The image, its ground truth and the prediction of each method, for one shift and seed.

    The image is the one on which source-only has its median score (the lower of two), so that nobody picked it.

    Args:
        runs: of one shift and seed, one a method.
        work_dir: where their folders lie; runs whose predictions are not there, or were made elsewhere, are left out.
        dataset_dir: folder of the prepared data sets.
        metric: whose median it is.
        crop: edge of the middle piece that is shown, in pixels.

    Returns:
        nothing where source-only's predictions are not there.
    """
    scores = {run.method.name: _scores(work_dir / run.name, metric) for run in runs}
    if not scores.get(BASELINE):
        return []
    name = extremes(scores[BASELINE])["median"]
    run = next(run for run in runs if run.method.name == BASELINE)
    items = load_datalist(dataset_dir / run.target / f"target_{run.split}.json", "test")
    item = next((item for item in items if Path(item["image"]).stem == name), None)
    if item is None or "label" not in item:
        return []
    image = np.asarray(Image.open(item["image"]).convert("RGB"))
    truth = np.asarray(Image.open(item["label"]))
    panels = [Panel(f"{run.target}: {name}", image), Panel("ground truth", outline_mask(image, truth > 0, TRUTH))]
    for run in runs:
        drawn = _drawn(evaluation_folder(work_dir / run.name, PLAIN) / "predictions", name, image)
        score = scores[run.method.name].get(name)
        if drawn is not None and score is not None:
            panels.append(Panel(f"{run.method.title}: {score:.2f}", drawn))
    return [Panel(panel.title, middle(panel.image, crop)) for panel in panels]


def draw_panels(panels: Sequence[Panel], path: Path) -> None:
    """Writes panels as one picture, ``COLUMNS`` in a row."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(3 * COLUMNS, 3.25 * rows), layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, panel in zip(axes.flat, panels, strict=False):
        axis.imshow(panel.image)
        axis.set_title(textwrap.fill(panel.title, 44), fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, bbox_inches="tight")
    plt.close(figure)


def _scores(folder: Path, metric: str) -> Mapping[str, float | None]:
    """The last iterate's scores by image, of the evaluation that left its predictions; empty where there is none."""
    path = evaluation_folder(folder, PLAIN) / "metrics.json"
    if not (path.is_file() and (path.parent / "predictions").is_dir()):
        return {}
    return json.loads(path.read_text())["selections"]["last"][metric]


def _drawn(folder: Path, name: str, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The image with a prediction outlined; None where there is no file of it."""
    mask, instances = folder / f"{name}_mask.png", folder / f"{name}_instances.tif"
    if mask.is_file():
        return outline_mask(image, np.asarray(Image.open(mask)) > 0, PREDICTION)
    return outline_nuclei(image, tifffile.imread(instances).astype(np.int64)) if instances.is_file() else None
