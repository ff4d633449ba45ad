"""An exported bundle, exported anew: the same bytes, or the same nuclei with a calibrated certainty."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from exports import REPOSITORY, picture
from tiny_export import export_unet

from mani_monai import Model
from mani_monai.apps.export import formats
from mani_monai.apps.export.export_bundle import export_bundle
from mani_monai.apps.export.export_command import export as export_command
from mani_monai.apps.export.read_run import read_exported
from mani_monai.transforms.nuclei_table import calibrated
from mani_monai.utils import InputError
from mani_monai.utils.folders import file_hash

UNET = REPOSITORY / "bundles" / "mani_unet"
SHIPPED = REPOSITORY / "pretrained" / "mani_unet"


@pytest.fixture(scope="module")
def exported(toy_dir, tmp_path_factory):
    return export_unet(toy_dir, tmp_path_factory.mktemp("exported")).folder


@pytest.fixture
def quick(monkeypatch):
    for name, result in {"write_torchscript": None, "write_onnx": None, "largest_difference": {}}.items():
        monkeypatch.setattr(formats, name, lambda *_, result=result: result)


def test_the_same_version_has_the_same_bytes(exported, tmp_path, quick):
    told = json.loads((exported / "configs" / "metadata.json").read_text())["changelog"]["1.2.3"]
    again = export_bundle(UNET, read_exported(exported), tmp_path, "1.2.3", told).folder
    one, other = (json.loads((folder / "hashes.json").read_text()) for folder in (exported, again))
    assert one == other


def test_a_calibration_changes_the_certainty_alone(exported, tmp_path, quick, capsys):
    place, out = str(exported), str(tmp_path)
    export_command(None, out, "1.3.0", "calibrated", bundle=place, temperature=0.5, bias=-1.5)
    metadata = json.loads((tmp_path / "mani_unet" / "configs" / "metadata.json").read_text())
    assert list(metadata["changelog"])[-2:] == ["1.2.3", "1.3.0"]
    inference = (tmp_path / "mani_unet" / "configs" / "inference.json").read_text()
    assert '"temperature": 0.5' in inference
    assert '"bias": -1.5' in inference
    image = picture(200, 160, 3)
    before, after = (Model.open(folder, device="cpu")(image) for folder in (exported, tmp_path / "mani_unet"))
    assert len(before) > 0
    np.testing.assert_array_equal(after.instances, before.instances)
    np.testing.assert_array_equal(after.mask, before.mask)
    assert after.table.keys() - before.table.keys() == {"certainty"}
    for name, column in before.table.items():
        np.testing.assert_array_equal(after.table[name], column)
    np.testing.assert_allclose(after.table["certainty"], calibrated(before.table["mean_probability"], 0.5, -1.5))


def test_the_weights_that_come_along_are_read_whole():
    run = read_exported(SHIPPED, 0.4, -3.5)
    assert run.declaration.calibration == {"temperature": 0.4, "bias": -3.5}
    domains = [("tnbc", "source"), ("tnbc", "target"), ("consep", "target")]
    assert [(domain.name, domain.role) for domain in run.domains] == domains
    held = torch.load(SHIPPED / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(run.state[name], held[name]) for name in held)
    assert run.scores is not None
    assert file_hash(SHIPPED / "models" / "model.pt") == Model.open(SHIPPED).weights


@pytest.mark.parametrize("numbers", [{"temperature": 0.4}, {"bias": -1.0}, {"temperature": 0.0, "bias": 0.0}])
def test_half_a_calibration_is_refused(exported, numbers):
    with pytest.raises(InputError, match="--temperature, --bias: name both"):
        read_exported(exported, **numbers)
