"""The certainty of an adapted model's nuclei, carried over from the calibrated model that it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mani_monai.evaluation.calibration import fit_calibration
from mani_monai.model import Model
from mani_monai.nuclei import nuclei_probability
from mani_monai.transforms.nuclei_table import nuclei_table

FEWEST_NUCLEI = 50
"""Nuclei that two numbers are fitted to, at least."""


def with_carried_certainty(model: Model, known: Model, pictures: Iterable[NDArray[np.uint8]]) -> Model:
    """A model with the temperature and the bias that give its nuclei the certainties of a calibrated model.

    Self-training makes a network sure: its scores rise, right or wrong. So a calibration of the model before is too
    sure of what comes after. The two numbers are fitted to what the calibrated model says of the same pixels. No label
    is read, and where the calibrated model is too sure, this one is, too.

    Args:
        model: the adapted one.
        known: the calibrated one.
        pictures: HW3 of the target, at both networks' pixel size.

    Returns:
        the adapted model; without a certainty where the other has none, or finds next to no nuclei.
    """
    plain = replace(model, declaration=model.declaration.uncalibrated())
    if not known.declaration.calibration:
        return plain
    scores, certainties = [np.empty(0)], [np.empty(0)]
    for picture in pictures:
        maps = model.maps(picture)
        instances, probability = model.parted(maps), nuclei_probability(known.maps(picture))
        scores.append(nuclei_table(instances, nuclei_probability(maps))["mean_probability"])
        certainties.append(nuclei_table(instances, probability, **known.declaration.calibration)["certainty"])
    values = np.concatenate(scores)
    if len(values) < FEWEST_NUCLEI:
        return plain
    temperature, bias = (round(number, 4) for number in fit_calibration(values, np.concatenate(certainties)))
    return replace(plain, declaration=plain.declaration.calibrated({"temperature": temperature, "bias": bias}))
