"""What a candidate's statistics make of a model."""

from __future__ import annotations

from dataclasses import replace

from small_bundles import small_declaration, small_unet

from mani_monai.apps.adapt import statistics_choice
from mani_monai.apps.adapt.statistics_choice import Choice
from mani_monai.model import Model


def test_other_statistics_than_the_calibrated_ones_have_no_temperature():
    own = small_declaration()
    model = Model(small_unet(), own.trained(parting={**own.parting, "temperature": 1.5}), "cpu", "float32")
    choice = Choice("target", {name: model.state for name in ("source", "target")}, {}, 1)
    assert choice.adapted(model, "source").declaration.parting["temperature"] == 1.5
    assert choice.adapted(model).declaration == own
    assert choice.adapted(model, "target").declaration == own


def test_a_trained_model_has_the_numbers_that_came_with_it(monkeypatch):
    monkeypatch.setattr(statistics_choice, "label_free_scores", lambda model, pictures: {})
    own = small_declaration()
    given = Model(small_unet(), own.calibrated({"temperature": 1.5, "bias": -1.0}), "cpu", "float32")
    choice = Choice("source", {"source": given.state}, {}, 1)
    trained = replace(given, declaration=own.calibrated({"temperature": 3.0, "bias": -2.0}))
    taken = choice.with_trained(trained, "trained", [])
    assert taken.adapted(given).declaration.calibration == {"temperature": 3.0, "bias": -2.0}
    assert (taken.name, taken.start) == ("trained", "source")
    assert taken.adapted(given, "source").declaration.calibration == {"temperature": 1.5, "bias": -1.0}
