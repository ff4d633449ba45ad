"""What was measured of a run's weights stays as long as these weights do."""

from __future__ import annotations

import json

import pytest
from trainings import run

from mani_monai import Model
from mani_monai.apps.steps.source_prototypes import note_prototypes
from mani_monai.declaration import Declaration
from mani_monai.run.start_run import declare_anew


@pytest.fixture
def measured(make_workflow, tmp_path):
    """A finished run with vectors of its source and a temperature, and the vectors."""
    folder = tmp_path / "run"
    run(make_workflow(folder))
    vectors = note_prototypes(folder)
    metadata = json.loads((folder / "configs" / "metadata.json").read_text())
    declaration = Declaration.from_metadata(metadata)
    declare_anew(folder, declaration.trained(parting={**declaration.parting, "temperature": 1.25}))
    return folder, vectors


def test_a_resume_that_trains_nothing_keeps_both(make_workflow, measured):
    folder, vectors = measured
    run(make_workflow(folder, resume=True))
    model = Model.open(folder, "cpu")
    assert model.prototypes == vectors
    assert model.declaration.parting["temperature"] == 1.25


@pytest.mark.parametrize("change", [{"resume": True, "iterations": 6}, {"overwrite": True}])
def test_other_weights_have_neither(make_workflow, measured, change):
    folder, _ = measured
    run(make_workflow(folder, **change))
    model = Model.open(folder, "cpu")
    assert model.prototypes is None
    assert "temperature" not in model.declaration.parting
