"""Measures how well models find, part and count the nuclei of a labelled data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mani_monai import Model
from mani_monai.data.datalists import data_set_names, load_source_list
from mani_monai.evaluation.calibration import calibration_error, fit_calibration, reliability
from mani_monai.transforms.nuclei_table import calibrated
from mani_monai.utils import InputError
from studies.stain_baseline import FILE, METRICS, TITLE
from studies.unseen_tissue import Found, Measured, haematoxylin_nuclei, measure, scores_table, summarise

PARTS = ("training", "validation", "test")


def unseen(
    bundles: str | tuple[str, ...],
    data: str | tuple[str, ...],
    dataset_dir: str = "data",
    split: str = "split_0",
    part: str = "all",
    out: str | None = None,
    mpp: float | None = None,
    downscale: float = 1.0,
    temperature: float = 1.0,
    bias: float = 0.0,
    weights: str = "model.pt",
    least_certainty: float = 0.0,
    precision: str = "auto",
) -> None:
    """Prints Dice, AJI, PQ, DQ, SQ and counts of nuclei by tissue, beside the baseline that learned nothing.

    It also prints how many nuclei of each score are right, and what would calibrate the scores.

    Args:
        bundles: a run's folder, an exported folder or a zip; or several with commas.
        data: the labelled data set, by name; or several with commas.
        dataset_dir: folder of the data sets that mani prepare wrote.
        split: the split of it.
        part: training, validation or test; all images of the data set by default.
        out: a CSV file that receives a row an image and way of finding nuclei.
        mpp: micrometres per pixel of the images; by default nothing is rescaled.
        downscale: by what images and labels are made smaller first, 2 makes 20x of 40x; needs mpp.
        temperature: of the scores, fitted on other images.
        bias: of the scores, likewise.
        weights: the file in each bundle's models.
        least_certainty: nuclei of a lower certainty, by the model's own calibration, are left out.
        precision: float32, bfloat16, or auto: bfloat16 where the machine computes in it.

    Raises:
        InputError: when a model has no calibration, and nuclei are to be left out by it.
    """
    if downscale != 1 and mpp is None:
        raise InputError("--downscale: needs --mpp, the micrometres per pixel of the images as they are.")
    parts = PARTS if part == "all" else (part,)
    items = [item for name in parts for item in load_source_list(dataset_dir, data, split, name)]
    paths = bundles.split(",") if isinstance(bundles, str) else list(bundles)  # fire parts words alone, no paths
    if len({Path(path).name for path in paths}) < len(paths):
        raise InputError(f"--bundles {','.join(paths)}: two have one name; rename a folder.")
    size = None if mpp is None else mpp * downscale
    measured = {TITLE: measure(items, haematoxylin_nuclei, downscale)}
    for bundle in paths:
        model = Model.open(bundle, precision=precision, weights=weights)
        print(f"{Path(bundle).name}: computed in {model.precision}", flush=True)
        if least_certainty > 0 and not model.declaration.calibration:
            raise InputError(f"{bundle}: its nuclei have no certainty; see mani calibrate, or drop --least_certainty.")
        measured[Path(bundle).name] = measure(
            items, lambda image, model=model: _found(model, image, size, least_certainty), downscale
        )
    summaries = {name: summarise(found.rows) for name, found in measured.items()}
    print(scores_table(summaries))
    for name, found in measured.items():
        if found.scores:
            print("\n".join(["", *reliability_lines(name, found, temperature, bias)]))
    if out is not None:
        asked = {"data": ",".join(data_set_names(data)), "part": part, "downscale": downscale}
        rows = [{"model": name, **asked, **row} for name, found in measured.items() for row in found.rows]
        pd.DataFrame(rows).round(4).to_csv(out, index=False, lineterminator="\n")


def haematoxylin(
    data: str | tuple[str, ...] = ("tnbc", "consep", "monuseg", "monuseg_kidney"),
    dataset_dir: str = "data",
    out: str = f"studies/results/{FILE}",
) -> None:
    """Writes what the stain alone gives on every labelled image of data sets: the first row of tables.

    Args:
        data: labelled data sets, by name; with commas.
        dataset_dir: folder of the data sets that mani prepare wrote.
        out: a CSV file that receives a row a data set and image.
    """
    rows = []
    for name in data_set_names(data):
        items = [item for part in PARTS for item in load_source_list(dataset_dir, name, "split_0", part)]
        rows += [{"data": name, **row} for row in measure(items, haematoxylin_nuclei).rows]
        print(f"{name}: {len(items)} images", flush=True)
    table = pd.DataFrame(rows).sort_values(["data", "image"])[["data", "image", *METRICS]]
    table.round(6).to_csv(out, index=False, lineterminator="\n")


def _found(model: Model, image: NDArray[np.uint8], mpp: float | None, least_certainty: float) -> Found:
    nuclei = model(image, mpp=mpp)
    instances, scores = nuclei.instances, nuclei.table["mean_probability"]
    if least_certainty > 0:
        sure = nuclei.table["certainty"] >= least_certainty
        instances = np.where(np.isin(instances, nuclei.table["id"][sure]), instances, 0)
        scores = scores[sure]
    return Found(instances, scores)


def reliability_lines(name: str, found: Measured, temperature: float, bias: float = 0.0) -> list[str]:
    """What the scores of a model's nuclei are worth; nothing fits best where all are right, or all wrong."""
    rows = reliability(calibrated(found.scores, temperature, bias), found.right)
    best = "no best temperature"
    if any(found.right) and not all(found.right):
        best = "best temperature {:.2f}, bias {:.2f}".format(*fit_calibration(found.scores, found.right))
    return [f"{name}: {best}; at {temperature:g}, {bias:g}, error {calibration_error(rows):.3f}, by score"] + [
        f"  {row['from']:.2f} to {row['to']:.2f}  {row['nuclei']:>7,} nuclei, {row['right']:.1%} right" for row in rows
    ]
