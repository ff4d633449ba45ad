"""Makes the certainty of a run's nuclei mean what it says: two numbers, from its labelled source validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from mani_monai.data.datalists import load_source_list
from mani_monai.evaluation.calibration import calibration_error, fit_calibration, matched_nuclei, reliability
from mani_monai.model import Model
from mani_monai.run.run_folder import read_train_config
from mani_monai.run.start_run import declare_anew
from mani_monai.transforms.nuclei_table import calibrated
from mani_monai.utils import InputError


@dataclass(frozen=True)
class Calibration:
    """How sure a model is of its nuclei, and how often it is right.

    Attributes:
        temperature: what the scores' logits are divided by.
        bias: what is added to them then; below 0 the model was too sure that these are nuclei.
        nuclei: how many were found on the source's validation images.
        error_before, error_after: expected calibration error of the scores as they were, and as they are then.
    """

    temperature: float
    bias: float
    nuclei: int
    error_before: float
    error_after: float


def calibrate_run(run: str | Path) -> Calibration:
    """Fits a temperature and a bias on the source's validation images, and notes it in the run's ``metadata.json``.

    A nucleus is right where it matches a labelled one with an IoU above 0.5. No label of a target is read.

    Args:
        run: the run's folder.

    Returns:
        both numbers and what they do.

    Raises:
        InputError: when the folder holds no finished training, its data are gone, or all nuclei are right or wrong.
    """
    folder = Path(run).absolute()
    config = read_train_config(folder)
    model = Model.open(folder)
    dataset_dir, source, split = (config[name] for name in ("dataset_dir", "source", "split"))
    scores, matched = score_nuclei(model, load_source_list(dataset_dir, source, split, "validation"))
    temperature, bias = (round(number, 4) for number in fit_calibration(scores, matched))
    parting = {**model.declaration.parting, "temperature": temperature, "bias": bias}
    declare_anew(folder, model.declaration.trained(parting=parting))
    errors = (
        calibration_error(reliability(calibrated(scores, *value), matched))
        for value in ((1.0, 0.0), (temperature, bias))
    )
    return Calibration(temperature, bias, len(scores), *errors)


def score_nuclei(model: Model, items: Sequence[Mapping[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """The mean probability of every nucleus found, and whether it is right.

    Args:
        model: finds the nuclei.
        items: ``{"image": path, "label": path}`` at the model's pixel size.

    Returns:
        two arrays of N.

    Raises:
        InputError: when there is no item.
    """
    if not items:
        raise InputError("calibrate: the source has no validation images; prepare it again with more images.")
    scores, matched = [], []
    for item in tqdm(items, "measuring certainty", unit="image"):
        with Image.open(item["label"]) as label:
            ids = np.asarray(label).astype(np.int64)
        nuclei = model(item["image"], mpp=model.mpp)
        scores.append(nuclei.table["mean_probability"])
        matched.append(matched_nuclei(nuclei.instances, ids))
    return np.concatenate(scores), np.concatenate(matched)
