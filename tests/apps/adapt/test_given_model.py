"""Weights are taken out of bundles as tensors; a bundle that is anything else than mani_unet's export is refused."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace

import pytest
import torch
from bundle_files import REPOSITORY
from small_bundles import FEATURES

from mani_monai.apps.adapt.given_model import model_hash, take_model
from mani_monai.model import Model
from mani_monai.utils import InputError
from mani_monai.utils.archive import write_archive, write_hashes


@pytest.fixture
def bundle(given_bundle, tmp_path):
    return given_bundle(tmp_path / "mani_unet")


def refusal_of(path, out) -> str:
    with pytest.raises(InputError) as refusal:
        take_model(path, out)
    assert not out.exists()
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith(f"{path}: ")
    return str(refusal.value)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_weights_of_a_folder_or_zip(given_bundle, tmp_path, packed, normalised):
    bundle = path = given_bundle(tmp_path / "mani_unet", normalised)
    if packed:
        path = tmp_path / "mani_unet_v1.0.0.zip"
        write_archive(bundle, path)
    found = take_model(path, tmp_path / "out")
    assert (found.name, found.features) == (path.name, tuple(FEATURES))
    steps = [step["_target_"] for step in found.model.declaration.preprocessing]
    assert steps == ["mani_monai.transforms.NormaliseStainsd"] * normalised
    assert [domain["licence"] for domain in found.domains] == ["Trained on: breast CC BY-NC-SA 4.0"]
    own, taken = (torch.load(p, weights_only=True) for p in (bundle / "models" / "model.pt", found.weights))
    assert own.keys() == taken.keys()
    assert all(torch.equal(own[name], taken[name]) for name in own)


def test_it_may_say_its_pixel_size(given_bundle, tmp_path):
    assert take_model(given_bundle(tmp_path / "silent"), tmp_path / "out").model.mpp is None
    assert take_model(given_bundle(tmp_path / "said", mpp=0.5), tmp_path / "out").model.mpp == 0.5


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"bundle": "mani_unet"}}, "configs/metadata.json: its key 'model' lacks 'network'"),
        ({"model": {}, "imports": ["$__import__('os').abort()"]}, "is refused: configs/metadata.json imports"),
        ([], "configs/metadata.json: holds no object but list"),
        ("{", "configs/metadata.json: cannot be read"),
    ],
)
def test_a_declaration_that_is_not_known_is_refused(bundle, tmp_path, change, message, packed):
    """What its network is shown would be a guess; nothing of it is run."""
    path = bundle / "configs" / "metadata.json"
    if isinstance(change, dict):
        change = {**json.loads(path.read_text()), **change}
    path.write_text(change if isinstance(change, str) else json.dumps(change))
    write_hashes(bundle)
    named = bundle
    if packed:
        named = tmp_path / "given.zip"
        write_archive(bundle, named)
    assert message in refusal_of(named, tmp_path / "out")


def test_an_archive_that_would_leave_its_folder_is_not_unpacked(tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.txt", "x")
    refusal = refusal_of(path, tmp_path / "out")
    assert "evil.txt: leaves its folder; look at it with mani inspect" in refusal
    assert not (tmp_path.parents[1] / "evil.txt").exists()


def test_what_is_no_bundle_of_a_unet(bundle, tmp_path):
    assert "no such file or folder" in refusal_of(tmp_path / "nothing", tmp_path / "out")
    weights = bundle / "models" / "model.pt"
    torch.save({"layer.weight": torch.zeros(2)}, weights)
    assert "models/model.pt: was changed" in refusal_of(bundle, tmp_path / "out")
    write_hashes(bundle)
    assert "models/model.pt: holds another network" in refusal_of(bundle, tmp_path / "out")
    weights.unlink()
    write_hashes(bundle)
    assert "models/model.pt: no such file" in refusal_of(bundle, tmp_path / "out")
    assert "model.pt: no such file; train first" in refusal_of(REPOSITORY / "bundles" / "mani_unet", tmp_path / "out")


def test_the_other_bundle_is_refused(bundle, tmp_path, monkeypatch):
    opened = Model.open(bundle, "cpu")
    hovernet = replace(opened.declaration, bundle="mani_hovernet")
    monkeypatch.setattr(Model, "open", staticmethod(lambda *_: replace(opened, declaration=hovernet)))
    assert "is an export of mani_hovernet; only mani_unet is trained here" in refusal_of(bundle, tmp_path / "out")


def test_other_weights_are_another_request(bundle):
    before = model_hash(bundle)
    assert model_hash(str(bundle)) == before
    (bundle / "docs" / "data_license.txt").write_text("other")
    assert model_hash(bundle) == before
    torch.save({}, bundle / "models" / "model.pt")
    assert model_hash(bundle) != before
