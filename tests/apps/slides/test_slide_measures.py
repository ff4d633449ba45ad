"""Stains and borders are measured once a slide, and are the same when they are read again."""

from __future__ import annotations

import pytest
from made_slides import dark_model
from painted_model import painted_model

from mani_monai.apps.slides.slide_measures import measured_once
from mani_monai.transforms.stain_normalisation import TissueColours

COLOURS = TissueColours((0.1, 1 / 3, 0.7), (1e-17, 2.5, 3.0), 0.123456789012345)
SCALE = [[-1 / 3, 1.0, -0.01, 0.1], [-1.0, 1.0, -0.2, 1 / 7]]


def measured(folder, colours, model, fitted, facts):
    calls = []

    def found():
        calls.append("colours")
        return colours

    def fit(seen):
        assert seen == colours
        calls.append("borders")
        return fitted

    return measured_once(folder, facts, found, fit, model), calls


@pytest.mark.parametrize("colours", [COLOURS, None])
def test_a_second_process_reads_what_the_first_measured(tmp_path, colours):
    model = painted_model()
    parting = {**model.declaration.parting, "border_scale": SCALE}
    fitted = type(model)(model.network, model.declaration.trained(parting=parting), "cpu", "float32")
    first, calls = measured(tmp_path, colours, model, fitted, {"slide": "a"})
    assert (first, calls) == ((colours, fitted), ["colours", "borders"])
    (again, read), calls = measured(tmp_path, colours, model, fitted, {"slide": "a"})
    assert (again, calls) == (colours, [])
    assert read.declaration == fitted.declaration
    assert measured(tmp_path, colours, model, fitted, {"slide": "b"})[1] == ["colours", "borders"]


def test_nothing_is_written_of_a_model_that_needs_no_measures(tmp_path):
    model = dark_model()
    for _ in range(2):
        assert measured(tmp_path, None, model, model, {})[1] == ["colours", "borders"]
    assert not list(tmp_path.iterdir())
