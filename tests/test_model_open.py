"""What is read of a bundle, and that one which declares anything that is not known is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from bundle_files import REPOSITORY
from exports import picture as stained_picture
from small_bundles import write_unet_bundle

from mani_monai.model import Model
from mani_monai.networks.nets import ConcatHoVerNet
from mani_monai.utils import InputError
from mani_monai.utils.archive import write_archive, write_hashes

BUNDLES = REPOSITORY / "bundles"


@pytest.fixture
def bundle(tmp_path):
    return write_unet_bundle(tmp_path / "bundle")


def declare(folder, **values):
    """Changes the declaration of a bundle, which then has no other config and new hashes."""
    path = folder / "configs" / "metadata.json"
    (folder / "configs" / "inference.json").unlink(missing_ok=True)
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps({**metadata, "model": {**metadata["model"], **values}}))
    write_hashes(folder)


def refusal_of(folder, **options) -> str:
    with pytest.raises(InputError) as refusal:
        Model.open(folder, **{"device": "cpu", **options})
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_a_folder_and_its_zip(bundle, tmp_path):
    declare(bundle, mpp=0.25)
    (bundle / "docs").mkdir()
    (bundle / "docs" / "data_license.txt").write_text("CC BY 4.0")
    write_hashes(bundle)
    write_archive(bundle, tmp_path / "bundle.zip")
    picture = stained_picture(40, 56, seed=0)
    for path in (bundle, str(bundle), tmp_path / "bundle.zip"):
        model = Model.open(path, "cpu", "float32")
        assert (model.name, model.version, model.mpp, model.precision) == ("mani_unet", "1.0.0", 0.25, "float32")
        assert (model.licence, model.domains, model.device.type) == ("CC BY 4.0", (), "cpu")
        assert model.weights == json.loads((bundle / "hashes.json").read_text())["models/model.pt"]
        assert not model.network.training
        assert model.declaration.window == 64
        with torch.inference_mode():
            image = torch.from_numpy(picture / np.float32(255)).permute(2, 0, 1)[None]
            expected = model.network(image)[0].numpy()
        np.testing.assert_allclose(model.maps(picture), expected, atol=1e-5)


def test_a_runs_folder(bundle):
    """Its configs name this project, which an inspection of strangers' bundles refuses; nothing of them is executed."""
    (bundle / "hashes.json").unlink()
    inference = bundle / "configs" / "inference.json"
    inference.write_text(json.dumps({**json.loads(inference.read_text()), "run": ["$exit('executed')"]}))
    config = json.dumps({"network": {"_target_": "mani_monai.model.Model"}, "run": ["$exit('executed')"]})
    (bundle / "configs" / "train.json").write_text(config)
    path = bundle / "configs" / "metadata.json"
    domains = [{"name": "tnbc", "role": "source", "licence": "CC BY 4.0"}]
    metadata = {**json.loads(path.read_text()), "training": {"domains": domains}}
    path.write_text(json.dumps(metadata))
    shutil.copy(bundle / "models" / "model.pt", bundle / "models" / "model_average.pt")
    model = Model.open(bundle, "cpu", weights="model_average.pt")
    assert (model.domains, model.licence) == (tuple(domains), "tnbc: CC BY 4.0")
    path.write_text(json.dumps({**metadata, "task": "$exit('executed')"}))
    assert "metadata must not execute" in refusal_of(bundle)


def test_a_hovernet_with_types(tmp_path, monkeypatch):
    """Weights of the real network's shapes; they are not written, to save time."""
    shutil.copytree(BUNDLES / "mani_hovernet" / "configs", tmp_path / "configs")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.pt").touch()
    network = {"_target_": "HoVerNet", "mode": "fast", "in_channels": 3, "out_classes": 3, "freeze_encoder": False}
    declare(tmp_path, network=network, class_names=["background", "a", "b"])
    with torch.device("meta"):
        shapes = ConcatHoVerNet(out_classes=3).state_dict()
    state = {name: torch.ones((), dtype=value.dtype).expand(value.shape) for name, value in shapes.items()}
    monkeypatch.setattr("mani_monai.bundle_files.load_whole", lambda path: state)
    model = Model.open(tmp_path, "cpu", "bfloat16")
    assert (model.name, model.mpp) == ("mani_hovernet", None)
    assert model.declaration.class_names == ("background", "a", "b")
    assert (model.declaration.window, model.declaration.output) == (256, 164)
    assert all(torch.equal(value, state[name]) for name, value in model.network.state_dict().items())
    declare(tmp_path, class_names=["background"])
    assert "class_names: are not 3 names" in refusal_of(tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"preprocessing": [{"_target_": "HoVerNet", "keys": "image"}]}, "preprocessing: 'HoVerNet' is not known"),
        ({"preprocessing": [{"_target_": "GaussianSmoothd", "keys": "pred"}]}, "must have the keys 'image'"),
        ({"parting": {"_target_": "BasicUNet"}}, "parting: 'BasicUNet' is not known here"),
        ({"parting": None}, "parting: None is not known here"),
        ({"network": "BasicUNet"}, "network: None is not known here"),
        ({"window": 10**9}, "window: is 1000000000"),
        ({"axes": "both"}, "axes: are 'both'"),
        ({"mpp": 40}, "mpp 40: write micrometres"),
        ({"bundle": "spleen"}, "bundle: is 'spleen'"),
    ],
)
def test_a_bundle_that_declares_anything_else_is_refused(bundle, values, message):
    declare(bundle, **values)
    refusal = refusal_of(bundle)
    assert refusal.startswith(f"{bundle}: ")
    assert message in refusal


@pytest.mark.parametrize(
    "values",
    [
        {"network": {"_target_": "os.system"}},
        {"network": {"_target_": "UNETR"}},
        {"preprocessing": [{"_target_": "RandFlipd", "keys": "image"}]},
        {"window": "$eval('1')"},
    ],
)
def test_a_declaration_that_would_execute_is_refused_by_the_inspection(bundle, values):
    declare(bundle, **values)
    assert "metadata must not execute" in refusal_of(bundle)


@pytest.mark.parametrize("content", ["{", "[1]", None])
def test_metadata_that_cannot_be_read(bundle, content):
    path = bundle / "configs" / "metadata.json"
    path.unlink() if content is None else path.write_text(content)
    write_hashes(bundle)
    assert "configs/metadata.json" in refusal_of(bundle)


def test_weights_that_are_missing_or_of_another_network(bundle):
    path = bundle / "models" / "model.pt"
    state = torch.load(path, weights_only=True)
    for wrong in ({**state, "more": torch.zeros(1)}, {"weight": torch.zeros(1)}):
        torch.save(wrong, path)
        write_hashes(bundle)
        assert "models/model.pt: holds another network" in refusal_of(bundle)
    assert "model.pt: is a file of weights alone; name the folder or zip of its bundle." in refusal_of(path)
    path.unlink()
    write_hashes(bundle)
    assert "models/model.pt: no such file" in refusal_of(bundle)
    assert "no such file" in refusal_of(BUNDLES / "mani_unet", weights="nothing.pt")
    assert "no such file or folder" in refusal_of(bundle / "nowhere")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float64"}, "--precision float64: choose from float32, bfloat16, auto."),
        ({"device": "toaster"}, "--device toaster: "),
        ({"device": "meta"}, "--device meta: is no device"),
    ],
)
def test_options_that_there_are_not(bundle, options, message):
    assert refusal_of(bundle, **options).startswith(message)


@pytest.mark.parametrize("key", ["window", "mpp", "network"])
def test_a_number_that_no_float_holds_is_refused(bundle, key):
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    network = {**metadata["model"]["network"], "out_channels": 10**400}
    declare(bundle, **{key: network if key == "network" else 10**400})
    assert "a whole number of 401 digits" in refusal_of(bundle)
