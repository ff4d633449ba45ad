"""An export of a training on several sources: whose licences bind it, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mani_monai.apps.export.documents import data_license, description, terms_of_use
from mani_monai.apps.export.trained_run import TrainedRun, read_run
from mani_monai.utils import InputError

LICENCES = {"tnbc": "CC BY 4.0", "consep": "Apache-2.0", "monuseg": "CC BY-NC-SA 4.0 (non-commercial)"}


@pytest.fixture
def run(tmp_path) -> Path:
    """A run's folder, and beside it data sets of three licences."""
    folder = tmp_path / "run"
    folder.mkdir()
    torch.save({"weight": torch.zeros(2)}, folder / "model.pt")
    for name, licence in LICENCES.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "dataset.json").write_text(json.dumps({"licence": licence}))
    return folder


def read(run: Path, **options) -> TrainedRun:
    return read_run(run, dataset_dir=str(run.parent / "data"), method="seams", **options)


def test_all_licences_bind(run):
    found = read(run, source="tnbc,monuseg", target="consep")
    source, target = found.domains
    assert (source.name, source.licence) == ("tnbc and monuseg", "CC BY 4.0; CC BY-NC-SA 4.0 (non-commercial)")
    assert (target.name, target.licence) == ("consep", "Apache-2.0")
    assert terms_of_use(found.domains) == "NON-COMMERCIAL USE ONLY: the licence of tnbc and monuseg says so."
    assert "allow commercial use" in terms_of_use(read(run, source="tnbc,consep", target="tnbc").domains)


@pytest.mark.parametrize("names", ["tnbc,consep", ["tnbc", "consep"]])
def test_a_source_that_is_its_own_target_is_named_once(run, names):
    (run / "training.json").write_text(json.dumps({"source": names, "target": names}))
    found = read(run)
    assert found.facts["source"] == found.facts["target"] == "tnbc,consep"
    assert "Trained on tnbc and consep (labelled): seams." in description("A U-Net. More.", found)
    assert data_license(found.domains).count("tnbc and consep") == 1


def test_one_of_several_is_missing(run):
    with pytest.raises(InputError, match=r"nowhere.*is missing or names no licence"):
        read(run, source="tnbc,nowhere", target="tnbc")


def test_seams_are_no_change_of_images(run):
    steps = ["LoadImaged", "LoadImaged", "EnsureChannelFirstd", "MarkSeamsd", "EnsureTyped", "NormaliseStainsd"]
    (run / "training.json").write_text(json.dumps({"source": "tnbc", "target": "tnbc", "image_steps": steps}))
    assert read(run).normalised_stains
