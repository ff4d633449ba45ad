"""An exported U-Net without its slow forms: what is in it, that it is the same twice, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from exports import REPOSITORY

from mani_monai.apps.export import formats
from mani_monai.apps.export.export_bundle import Exported, export_bundle, exported_metadata
from mani_monai.utils import InputError
from mani_monai.utils.archive import files_of
from mani_monai.utils.folders import file_hash

UNET = REPOSITORY / "bundles" / "mani_unet"


@pytest.fixture(scope="module")
def quick():
    """Exports without the two slow forms of the weights, for tests of all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "write_torchscript", lambda folder: (folder / "models" / "model.ts").touch())
        patch.setattr(formats, "write_onnx", lambda *arguments: arguments[-1].touch())
        patch.setattr(formats, "largest_difference", lambda *_: {"model.ts": 0.0})
        yield


@pytest.fixture(scope="module")
def exported(unet_run, tmp_path_factory, quick) -> Exported:
    return export_bundle(UNET, unet_run, tmp_path_factory.mktemp("dist"), "1.2.3", "a tiny one")


# content


def test_hashes_are_of_the_files(exported):
    hashes = json.loads((exported.folder / "hashes.json").read_text())
    names = files_of(exported.folder).keys() - {"hashes.json"}
    assert hashes == {name: file_hash(exported.folder / name) for name in sorted(names)}


def test_weights_are_tensors_and_those_of_the_run(exported, unet_run):
    state = torch.load(exported.folder / "models" / "model.pt", weights_only=True)
    assert state.keys() == unet_run.state.keys()
    assert all(torch.equal(state[name], unet_run.state[name]) for name in state)


def test_inference_has_the_settings_of_the_run(exported):
    text = (exported.folder / "configs" / "inference.json").read_text()
    config = json.loads(text.replace('"scripts.', '"mani_monai.'))  # the modules that it carries
    own = json.loads((UNET / "configs" / "inference.json").read_text())
    assert {key: config[key] for key in config if config[key] != own[key]} == {
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "features": [4, 4, 8, 8, 8, 4],
        "window": 64,
    }


def test_metadata_and_documents_tell_what_it_is(exported):
    metadata = json.loads((exported.folder / "configs" / "metadata.json").read_text())
    assert (metadata["version"], metadata["changelog"]["1.2.3"]) == ("1.2.3", "a tiny one")
    assert "0.1.0" in metadata["changelog"]
    assert metadata["eval_metrics"] == {"dice_mean": 0.5}
    assert "Trained on toy_source (labelled) and toy_target (unlabelled): MaNi." in metadata["description"]
    assert "drawn by this project" in metadata["data_source"]
    card = (exported.folder / "docs" / "README.md").read_text()
    for text in ("| dice | 0.500 | 0.100 |", "## Intended use and limits", "1.2.3", "pytorch-ignite==0.5.5"):
        assert text in card
    assert "bundles/mani_unet" not in card
    assert json.loads((exported.folder / "metrics.json").read_text())["figures"]["dice"] == {"a": 0.4, "b": 0.6}


def test_the_pixel_size_of_the_training_is_kept(exported, unet_run, tmp_path, quick):
    metadata = json.loads((exported.folder / "configs" / "metadata.json").read_text())
    assert "mpp" not in metadata
    assert "pixel size of the training's images was not recorded" in (exported.folder / "docs/README.md").read_text()
    known = export_bundle(
        UNET, replace(unet_run, declaration=unet_run.declaration.trained(mpp=0.25)), tmp_path, "1.2.3"
    ).folder
    assert json.loads((known / "configs" / "metadata.json").read_text())["mpp"] == 0.25
    assert "Trained on images of 0.25 micrometres per pixel" in (known / "docs" / "README.md").read_text()


def test_forms_of_the_weights_may_be_left_out(unet_run, tmp_path, quick):
    folder = export_bundle(UNET, unet_run, tmp_path / "small", "1.2.3", forms=("pt",)).folder
    assert [path.name for path in (folder / "models").iterdir()] == ["model.pt"]
    card = (folder / "docs" / "README.md").read_text()
    assert "leaves some of them out" in card
    assert "`models/model.pt`" in card
    assert "model.ts" not in card
    for forms in ((), ("ts",), ("pt", "h5")):
        with pytest.raises(InputError, match="--forms"):
            export_bundle(UNET, unet_run, tmp_path / "none", "1.2.3", forms=forms)
    assert not (tmp_path / "none").exists()


def test_forms_that_differ_are_not_exported(unet_run, tmp_path, monkeypatch, quick):
    monkeypatch.setattr(formats, "largest_difference", lambda *_: {"model.onnx": 2e-4})
    with pytest.raises(InputError, match=r"model\.onnx: differs from PyTorch by 2\.0e-04"):
        export_bundle(UNET, unet_run, tmp_path)
    assert list(tmp_path.iterdir()) == []


# twice, and over another


def test_twice_the_same_bytes(unet_run, tmp_path, quick):
    first, second = (export_bundle(UNET, unet_run, tmp_path / name, "1.2.3", "a tiny one") for name in "ab")
    assert first.archive.read_bytes() == second.archive.read_bytes()
    assert export_bundle(UNET, unet_run, tmp_path / "a", "1.2.3", "a tiny one").written is False


def test_another_export_is_not_replaced_unasked(unet_run, tmp_path, quick):
    export_bundle(UNET, unet_run, tmp_path, "1.0.0")
    with pytest.raises(InputError, match=r"holds version 1\.0\.0, not 1\.1\.0"):
        export_bundle(UNET, unet_run, tmp_path, "1.1.0")
    other = replace(unet_run, state={name: value + 1 for name, value in unet_run.state.items()})
    with pytest.raises(InputError, match=r"configs or scores of version 1\.0\.0; raise --version and"):
        export_bundle(UNET, other, tmp_path, "1.0.0")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mani_unet", "mani_unet_v1.0.0.zip"]
    export_bundle(UNET, other, tmp_path, "1.1.0", overwrite=True)
    assert json.loads((tmp_path / "mani_unet" / "configs" / "metadata.json").read_text())["version"] == "1.1.0"


def test_what_was_not_exported_is_never_replaced(unet_run, tmp_path, quick):
    (tmp_path / "mani_unet").mkdir()
    (tmp_path / "mani_unet" / "precious.txt").touch()
    with pytest.raises(InputError, match="holds something that was not exported here"):
        export_bundle(UNET, unet_run, tmp_path, overwrite=True)
    assert (tmp_path / "mani_unet" / "precious.txt").exists()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"state": {"weight": torch.zeros(2)}}, {}, r"model\.pt: holds another network"),
        ({}, {"version": "1.0"}, "--version 1.0: write three numbers"),
        ({}, {"version": "../1.0.0"}, "write three numbers"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(unet_run, tmp_path, quick, change, options, message):
    with pytest.raises(InputError, match=message) as refusal:
        export_bundle(UNET, replace(unet_run, **change), tmp_path, **options)
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_metadata_follow_the_network():
    metadata = json.loads((REPOSITORY / "bundles" / "mani_hovernet" / "configs" / "metadata.json").read_text())
    output = torch.zeros(1, 7, 80, 80)
    types = ["type: background", "type: a", "type: b"]
    found = exported_metadata(metadata, "2.0.0", "typed", (270, 270), output, types, {"x": 1})
    image, pred = found["network_data_format"]["inputs"]["image"], found["network_data_format"]["outputs"]["pred"]
    assert (image["spatial_shape"], pred["spatial_shape"], pred["num_channels"]) == ([270, 270], [80, 80], 7)
    assert list(pred["channel_def"].values())[3:] == ["vertical offset", *types]
    assert metadata["network_data_format"]["outputs"]["pred"]["num_channels"] == 4, "the bundle's own was changed"
    assert found["x"] == 1


def test_metadata_name_the_third_channel():
    metadata = json.loads((REPOSITORY / "bundles" / "mani_unet" / "configs" / "metadata.json").read_text())
    found = exported_metadata(metadata, "2.0.0", "anew", (16, 16), torch.zeros(1, 3, 16, 16), ["distance"], {})
    pred = found["network_data_format"]["outputs"]["pred"]
    assert (pred["num_channels"], pred["channel_def"]["2"]) == (3, "distance")
