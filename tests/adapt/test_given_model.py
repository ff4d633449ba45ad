"""Weights are taken out of bundles as tensors; whatever else a bundle holds is left alone."""

from __future__ import annotations

import json
import zipfile

import pytest
import torch
from monai.networks.nets import BasicUNet

from mani_monai.adapt.given_model import model_hash, take_model
from mani_monai.bundle.archive import write_archive
from mani_monai.utils import InputError

FEATURES = (4, 4, 8, 8, 8, 4)


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "mani_unet"
    for part in ("models", "docs", "configs"):
        (folder / part).mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(BasicUNet(2, 3, 2, FEATURES, norm="BATCH").state_dict(), folder / "models" / "model.pt")
    (folder / "docs" / "data_license.txt").write_text("Trained on:\n  breast   CC BY 4.0\n")
    (folder / "configs" / "inference.json").write_text('{"imports": ["$__import__(\'os\').abort()"]}')
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_weights_of_a_folder_or_zip(bundle, tmp_path, packed):
    path = bundle
    if packed:
        path = tmp_path / "mani_unet_v1.0.0.zip"
        write_archive(bundle, path)
    found = take_model(path, tmp_path / "out")
    assert (found.name, found.features) == (path.name, FEATURES)
    assert found.licence == "Trained on: breast CC BY 4.0"
    own, taken = (torch.load(p, weights_only=True) for p in (bundle / "models" / "model.pt", found.weights))
    assert own.keys() == taken.keys()
    assert all(torch.equal(own[name], taken[name]) for name in own)


@pytest.mark.parametrize(
    ("config", "normalised"),
    [
        (
            {"preprocessing": {"transforms": [{"_target_": "scripts.transforms.NormaliseStainsd", "keys": "image"}]}},
            True,
        ),
        ({"preprocessing": {"transforms": [{"_target_": "EnsureTyped"}]}}, False),
        ({"preprocessing": "@elsewhere"}, False),
        ([], False),
    ],
)
def test_whether_it_normalises_stains(bundle, tmp_path, config, normalised):
    (bundle / "configs" / "inference.json").write_text(json.dumps(config))
    assert take_model(bundle, tmp_path / "out").normalised is normalised


def test_an_archive_that_would_leave_its_folder_is_not_unpacked(tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.txt", "x")
    with pytest.raises(InputError, match=r"evil\.txt leaves its folder; look at it with scripts/inspect_bundle\.py"):
        take_model(path, tmp_path / "out")


def test_what_is_no_bundle_of_a_unet(bundle, tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        take_model(tmp_path / "nothing", tmp_path / "out")
    torch.save({"layer.weight": torch.zeros(2)}, bundle / "models" / "model.pt")
    with pytest.raises(InputError, match="is no export of mani_unet"):
        take_model(bundle, tmp_path / "out")
    (bundle / "models" / "model.pt").unlink()
    with pytest.raises(InputError, match=r"holds no models/model\.pt"):
        take_model(bundle, tmp_path / "out")


def test_other_weights_are_another_request(bundle):
    before = model_hash(bundle)
    assert model_hash(str(bundle)) == before
    (bundle / "docs" / "data_license.txt").write_text("other")
    assert model_hash(bundle) == before
    torch.save({}, bundle / "models" / "model.pt")
    assert model_hash(bundle) != before
