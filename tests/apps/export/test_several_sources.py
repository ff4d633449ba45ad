"""An export of a training on several sources: whose licences bind it, and what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from finished_runs import finished_run

from mani_monai.apps.export.documents import data_license, description, performance, terms_of_use
from mani_monai.apps.export.read_run import read_run
from mani_monai.apps.export.trained_run import TrainedRun

LICENCES = {"tnbc": "CC BY 4.0", "consep": "Apache-2.0", "monuseg": "CC BY-NC-SA 4.0 (non-commercial)"}

SCORES = {"selection": "last", "figures": {"dice": {"a": 0.5}, "dice_mean": 0.5, "dice_std": 0.0}}


@pytest.fixture
def data(tmp_path) -> Path:
    """Data sets of three licences."""
    for name, licence in LICENCES.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "dataset.json").write_text(json.dumps({"licence": licence}))
    return tmp_path / "data"


def read(data: Path, source: str, target: str) -> TrainedRun:
    folder = data.parent / f"{source}_{target}"
    return read_run(
        finished_run(folder, {"weight": torch.zeros(2)}, data, source=source, target=target), method="seams"
    )


def test_all_licences_bind(data):
    found = read(data, source="tnbc,monuseg", target="consep")
    assert [(domain.name, domain.role, domain.licence) for domain in found.domains] == [
        ("tnbc", "source", "CC BY 4.0"),
        ("monuseg", "source", "CC BY-NC-SA 4.0 (non-commercial)"),
        ("consep", "target", "Apache-2.0"),
    ]
    assert terms_of_use(found.domains) == "NON-COMMERCIAL USE ONLY: the licence of monuseg says so."
    assert "allow commercial use" in terms_of_use(read(data, source="tnbc,consep", target="tnbc").domains)
    assert "Trained on tnbc and monuseg (labelled) and consep (unlabelled): seams." in description("A U-Net.", found)


def test_a_source_that_is_its_own_target_is_named_once(data):
    found = read(data, source="tnbc,consep", target="tnbc,consep")
    assert "Trained on tnbc and consep (labelled): seams." in description("A U-Net. More.", found)
    assert data_license(found.domains).count("tnbc") == 1


@pytest.mark.parametrize("target", ["tnbc,consep", ["tnbc", "consep"]], ids=["text", "list"])
def test_a_target_that_is_a_source_too_is_labelled(data, target):
    found = replace(read(data, source="tnbc", target="consep"), scores={**SCORES, "target": target})
    found = replace(found, facts={**found.facts, "target": target})
    assert "Trained on tnbc (labelled) and consep (unlabelled): seams." in description("A U-Net.", found)
    assert "test images of tnbc and consep, weights" in performance(found.scores)


def test_a_network_that_is_none_of_monais_is_named(data):
    found = read(data, source="tnbc", target="consep")
    assert "network" not in description("A HoVer-Net. More.", found)
    light = found.declaration.trained(network={"_target_": "mani_monai.networks.nets.LightHoVerNet"})
    said = description("A HoVer-Net. More.", replace(found, declaration=light))
    assert said.startswith("A HoVer-Net. The network is LightHoVerNet, which is none of MONAI's. Trained on tnbc ")
