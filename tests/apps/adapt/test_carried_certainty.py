"""A calibration that is carried from one model to another, without labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from painted_model import red_model
from skimage.draw import disk

from mani_monai.apps.adapt.carried_certainty import FEWEST_NUCLEI, with_carried_certainty
from mani_monai.known_components import PARTING
from mani_monai.model import Model
from mani_monai.transforms.nuclei_table import calibrated

TISSUE = (110, 60, 120)
NUMBERS = {"temperature": 0.8, "bias": -1.5}


@dataclass(frozen=True, eq=False)
class SurerModel(Model):
    """Is three times as sure, and one logit more."""

    def maps(self, picture, whole=None):
        maps = super().maps(picture, whole)
        return np.stack([np.zeros_like(maps[0]), np.where(maps[1] > 0, 3 * maps[1] + 1, maps[1])])


@pytest.fixture
def known():
    return red_model(window=-1, parting={"_target_": PARTING, **NUMBERS})


@pytest.fixture
def surer(known):
    return SurerModel(known.network, known.declaration, known.device, known.precision)


@pytest.fixture
def picture():
    """64 discs, whose red is their logit plus a half."""
    field = np.full((256, 256, 3), TISSUE, np.uint8)
    for number in range(64):
        row, column = divmod(number, 8)
        field[disk((16 + 32 * row, 16 + 32 * column), 10)] = (140 + number, 100, 180)
    return field


def test_the_same_nuclei_have_the_same_certainty(known, surer, picture):
    """A nucleus of logit z has 3 z + 1: temperature 3 T, and a bias less by 1 / (3 T)."""
    carried = with_carried_certainty(surer, known, [picture]).declaration.calibration
    assert carried["temperature"] == pytest.approx(3 * NUMBERS["temperature"], rel=0.02)
    assert carried["bias"] == pytest.approx(NUMBERS["bias"] - 1 / carried["temperature"], abs=0.02)
    scores = 1 / (1 + np.exp(-np.linspace(0.05, 0.3, 5))), 1 / (1 + np.exp(-3 * np.linspace(0.05, 0.3, 5) - 1))
    np.testing.assert_allclose(calibrated(scores[0], **NUMBERS), calibrated(scores[1], **carried), atol=0.005)


def test_a_model_carries_to_itself(known, picture):
    carried = with_carried_certainty(known, known, [picture]).declaration.calibration
    assert carried == pytest.approx(NUMBERS, abs=0.01)


def test_nothing_is_carried_where_nothing_is_known(known, surer, picture):
    uncalibrated = replace(known, declaration=known.declaration.uncalibrated())
    assert with_carried_certainty(surer, uncalibrated, [picture]).declaration.calibration == {}
    few = picture.copy()
    few[:, 128:] = TISSUE
    assert FEWEST_NUCLEI > 32
    assert with_carried_certainty(surer, known, [few]).declaration.calibration == {}
    assert with_carried_certainty(surer, known, []).declaration.calibration == {}
