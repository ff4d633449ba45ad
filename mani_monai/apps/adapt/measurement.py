"""Two models measured on the same unlabelled target images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mani_monai.apps.adapt.nuclei_summary import NucleiFigures, measure_nuclei
from mani_monai.apps.adapt.predictor import Predictor
from mani_monai.evaluation import evenly_taken

SCORED = 8
"""Target images that the label-free scores are means over, as in the tables."""
MEASURED = 32
"""Images whose nuclei are counted."""


@dataclass(frozen=True)
class Measured:
    """A model on the target.

    Attributes:
        finite: whether all its weights are numbers.
        scores: label-free, by criterion.
        masks: HW of each measured image.
        nuclei: what they hold.
    """

    finite: bool
    scores: Mapping[str, float]
    masks: tuple[NDArray[np.bool_], ...]
    nuclei: NucleiFigures


def measured_images(paths: Sequence[str]) -> list[str]:
    """Those whose nuclei are counted, evenly taken."""
    return evenly_taken(paths, MEASURED)


def scored_images(paths: Sequence[str]) -> list[str]:
    """Those that are scored, evenly taken."""
    return evenly_taken(paths, SCORED)


def measure_model(predictor: Predictor, weights: Path, paths: Sequence[str]) -> Measured:
    """Measures weights on target images.

    Args:
        predictor: for their network.
        weights: the state dictionary.
        paths: all of the target's images.
    """
    finite = predictor.load(weights)
    masks = tuple(predictor.masks(measured_images(paths)))
    return Measured(finite, predictor.scores(scored_images(paths)), masks, measure_nuclei(masks))


def measure_labels(paths: Sequence[str]) -> NucleiFigures:
    """Measures the nuclei of labels, as those of predictions are.

    Args:
        paths: label files, 0 background.
    """
    return measure_nuclei(_read(path) for path in measured_images(paths))


def _read(path: str) -> NDArray:
    with Image.open(path) as image:
        return np.asarray(image)
