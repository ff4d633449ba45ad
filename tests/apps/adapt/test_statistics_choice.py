"""What a candidate's statistics make of a model."""

from __future__ import annotations

from small_bundles import small_declaration, small_unet

from mani_monai.apps.adapt.statistics_choice import Choice
from mani_monai.model import Model


def test_other_statistics_than_the_calibrated_ones_have_no_temperature():
    own = small_declaration()
    model = Model(small_unet(), own.trained(parting={**own.parting, "temperature": 1.5}), "cpu", "float32")
    choice = Choice("target", {name: model.state for name in ("source", "target")}, {}, 1)
    assert choice.adapted(model, "source").declaration.parting["temperature"] == 1.5
    assert choice.adapted(model).declaration == own
    assert choice.adapted(model, "target").declaration == own
