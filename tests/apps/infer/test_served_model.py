"""What is read of a bundle, and that one which means anything else is refused."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from bundle_files import REPOSITORY

from mani_monai.apps.export.exported_configs import exported_inference
from mani_monai.apps.infer import served_model
from mani_monai.apps.infer.known_pipelines import PIPELINES
from mani_monai.apps.infer.segmenters import HoVerNetSegmenter, UNetSegmenter
from mani_monai.apps.infer.served_model import read_model
from mani_monai.networks.nets import ConcatHoVerNet
from mani_monai.utils import InputError

BUNDLES = REPOSITORY / "bundles"


@pytest.fixture
def bundle(exported, tmp_path):
    shutil.copytree(exported.folder, tmp_path / "bundle")
    return tmp_path / "bundle"


def change(folder, name="inference.json", **values):
    path = folder / "configs" / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def refusal_of(folder, **options) -> str:
    with pytest.raises(InputError) as refusal:
        read_model(folder, **options)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_a_unet(bundle):
    model = read_model(bundle, "float32", "cpu")
    assert (model.name, model.version, model.um, model.class_names) == ("mani_unet", "1.2.3", 0.25, None)
    assert isinstance(model.segmenter, UNetSegmenter)
    assert model.segmenter.window == 64
    assert model.weights == json.loads((bundle / "hashes.json").read_text())["models/model.pt"]
    assert not model.segmenter.network.training


def test_a_hovernet_with_types(tmp_path, monkeypatch):
    """Weights of the real network, in the config as an export has it; they are not written, to save time."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "models").mkdir()
    text = (BUNDLES / "mani_hovernet" / "configs" / "inference.json").read_text()
    names = ["background", "a", "b"]
    settings = {"out_classes": 3, "class_names": names}
    (tmp_path / "configs" / "inference.json").write_text(exported_inference(text, settings))
    shutil.copy(BUNDLES / "mani_hovernet" / "configs" / "metadata.json", tmp_path / "configs")
    with torch.device("meta"):
        shapes = ConcatHoVerNet(out_classes=3).state_dict()
    state = {name: torch.ones((), dtype=value.dtype).expand(value.shape) for name, value in shapes.items()}
    (tmp_path / "models" / "model.pt").touch()
    monkeypatch.setattr(served_model, "load_tensors", lambda path: state)
    model = read_model(tmp_path, "bfloat16", "cpu")
    assert (model.name, model.um, model.class_names) == ("mani_hovernet", None, tuple(names))
    assert isinstance(model.segmenter, HoVerNetSegmenter)
    assert (model.segmenter.tiles.window, model.segmenter.tiles.output) == (256, 164)
    assert model.segmenter.precision == "bfloat16"
    assert all(torch.equal(value, state[name]) for name, value in model.segmenter.network.state_dict().items())
    change(tmp_path, class_names=["background"])
    assert "class_names are not 3 names" in refusal_of(tmp_path)


@pytest.mark.parametrize("name", PIPELINES)
def test_the_repositorys_configs_are_the_known_ones(name):
    """Steps that change in a config have to change here too, or its exports would be refused."""
    config = json.loads((BUNDLES / name / "configs" / "inference.json").read_text())
    for key, known in PIPELINES[name].items():
        found = config[key]["transforms"][:1] if key == "postprocessing" else config[key]
        assert found == known, key


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"preprocessing": {"_target_": "Compose", "transforms": []}}, "its preprocessing is not that of mani_unet"),
        ({"inferer": {"_target_": "SimpleInferer"}}, "its inferer is not that of mani_unet"),
        ({"postprocessing": None}, "its postprocessing is not that of mani_unet"),
        ({"postprocessing": {"transforms": [{"_target_": "os.system"}]}}, "its postprocessing is not"),
        ({"network_def": {"_target_": "os.system", "command": "true"}}, "its network is os.system, of neither"),
        ({"network_def": "$eval('1')"}, "its network is None, of neither"),
        ({"window": "$eval('1')"}, 'its window is "\\$eval'),
        ({"window": True}, "its window is True"),
        ({"window": 10**9}, "no number of pixels"),
    ],
)
def test_a_bundle_that_does_anything_else_is_refused(bundle, values, message):
    change(bundle, **values)
    with pytest.raises(InputError, match=message):
        read_model(bundle)


def test_metadata_that_make_no_sense(bundle):
    change(bundle, "metadata.json", mpp="$eval('1')")
    assert "configs/metadata.json: mpp $eval('1'): write micrometres" in refusal_of(bundle)


@pytest.mark.parametrize("content", ["{", "[1]", None])
def test_configs_that_cannot_be_read(bundle, content):
    path = bundle / "configs" / "inference.json"
    path.unlink() if content is None else path.write_text(content)
    assert str(path) in refusal_of(bundle)


def test_weights_that_are_missing_or_of_another_network(bundle):
    path = bundle / "models" / "model.pt"
    state = torch.load(path, weights_only=True)
    torch.save({**state, "more": torch.zeros(1)}, path)
    assert "holds another network" in refusal_of(bundle)
    torch.save({"weight": torch.zeros(1)}, path)
    assert "holds no weights of mani_unet's network" in refusal_of(bundle)
    path.unlink()
    assert "no such file" in refusal_of(bundle)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float64"}, "--precision float64: choose from float32, bfloat16, auto."),
        ({"device": "toaster"}, "--device toaster: "),
        ({"device": "meta:x"}, "--device meta:x: "),
    ],
)
def test_options_that_there_are_not(bundle, options, message):
    assert message in refusal_of(bundle, **options)
