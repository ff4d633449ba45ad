"""An exported U-Net: what is in it, that it is the same twice, runs with MONAI alone, and what is refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from exports import REPOSITORY, as_input, picture, run_alone
from monai.bundle import ConfigParser
from PIL import Image
from zoo import zoo_faults

from mani_monai.apps.export import export_bundle as export
from mani_monai.apps.export import formats
from mani_monai.apps.export.export_bundle import export_bundle
from mani_monai.apps.inspect.inspection import inspect_bundle, is_dangerous
from mani_monai.utils import InputError
from mani_monai.utils.archive import files_of
from mani_monai.utils.folders import file_hash

UNET = REPOSITORY / "bundles" / "mani_unet"
FILES = {
    "LICENSE", "configs/inference.json", "configs/logging.conf", "configs/metadata.json", "docs/README.md",
    "docs/data_license.txt", "hashes.json", "metrics.json", "models/model.onnx", "models/model.pt", "models/model.ts",
}  # fmt: skip


def files_in(folder) -> set[str]:
    """Names of a bundle's files, without the modules that it carries."""
    return {name for name in files_of(folder) if not name.startswith("scripts/")}


@pytest.fixture
def quick(monkeypatch):
    """Exports without the two slow forms of the weights, for tests of all the rest."""
    monkeypatch.setattr(export, "write_torchscript", lambda folder: (folder / "models" / "model.ts").touch())
    monkeypatch.setattr(export, "write_onnx", lambda *arguments: arguments[-1].touch())
    monkeypatch.setattr(export, "largest_difference", lambda *_: {"model.ts": 0.0})


# content


def test_the_files(exported_whole):
    assert files_in(exported_whole.folder) == FILES
    carried = files_of(exported_whole.folder).keys() - FILES
    assert {"scripts/transforms/part_nucleid.py", "scripts/data/readers/tissue_reader.py"} <= carried
    assert exported_whole.archive.name == "mani_unet_v1.2.3.zip"
    assert [path.name for path in sorted(exported_whole.folder.parent.iterdir())] == [
        "mani_unet",
        exported_whole.archive.name,
    ]
    with zipfile.ZipFile(exported_whole.archive) as archive:
        assert archive.namelist() == [f"mani_unet/{name}" for name in sorted(files_of(exported_whole.folder))]
        assert archive.testzip() is None
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_hashes_are_of_the_files(exported_whole):
    hashes = json.loads((exported_whole.folder / "hashes.json").read_text())
    names = files_of(exported_whole.folder).keys() - {"hashes.json"}
    assert hashes == {name: file_hash(exported_whole.folder / name) for name in sorted(names)}


def test_weights_are_tensors_and_those_of_the_run(exported_whole, unet_run):
    state = torch.load(exported_whole.folder / "models" / "model.pt", weights_only=True)
    assert state.keys() == unet_run.state.keys()
    assert all(torch.equal(state[name], unet_run.state[name]) for name in state)


def test_inference_has_the_settings_of_the_run(exported_whole):
    text = (exported_whole.folder / "configs" / "inference.json").read_text()
    config = json.loads(text.replace('"scripts.', '"mani_monai.'))  # the modules that it carries
    own = json.loads((UNET / "configs" / "inference.json").read_text())
    assert {key: config[key] for key in config if config[key] != own[key]} == {
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "features": [4, 4, 8, 8, 8, 4],
        "window": 64,
    }


def test_metadata_and_documents_tell_what_it_is(exported_whole):
    metadata = json.loads((exported_whole.folder / "configs" / "metadata.json").read_text())
    assert (metadata["version"], metadata["changelog"]["1.2.3"]) == ("1.2.3", "a tiny one")
    assert "0.1.0" in metadata["changelog"]
    assert metadata["eval_metrics"] == {"dice_mean": 0.5}
    assert "Trained on toy_source (labelled) and toy_target (unlabelled): MaNi." in metadata["description"]
    assert "drawn by this project" in metadata["data_source"]
    card = (exported_whole.folder / "docs" / "README.md").read_text()
    for text in ("| dice | 0.500 | 0.100 |", "## Intended use and limits", "1.2.3", "pytorch-ignite==0.5.5"):
        assert text in card
    assert "bundles/mani_unet" not in card
    assert json.loads((exported_whole.folder / "metrics.json").read_text())["figures"]["dice"] == {"a": 0.4, "b": 0.6}


def test_the_pixel_size_of_the_training_is_kept(exported_whole, unet_run, tmp_path, quick):
    metadata = json.loads((exported_whole.folder / "configs" / "metadata.json").read_text())
    assert "mpp" not in metadata
    assert (
        "pixel size of the training's images was not recorded" in (exported_whole.folder / "docs/README.md").read_text()
    )
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


def test_no_path_of_this_machine_is_in_it(exported_whole):
    for name, path in files_of(exported_whole.folder).items():
        content = path.read_bytes()
        if name.endswith((".ts", ".pt")):
            with zipfile.ZipFile(path) as archive:
                content = b"".join(archive.read(entry) for entry in archive.namelist())
        for place in (str(REPOSITORY), torch.__path__[0], str(exported_whole.folder.parent)):
            assert place.encode() not in content, f"{name} names {place}"


def test_inspection_finds_nothing_dangerous(exported_whole):
    assert not is_dangerous(inspect_bundle(exported_whole.archive))


def test_the_zoo_finds_no_fault(exported_whole, schema):
    assert zoo_faults(exported_whole.folder, schema) == []


# the three forms of the weights


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (32, 48)])
def test_torchscript_and_onnx_agree_with_pytorch_on_images(exported_whole, unet, size):
    image = as_input(picture(*size, seed=3))
    with torch.inference_mode():
        expected = unet(image)
        torch.testing.assert_close(torch.jit.load(exported_whole.folder / "models" / "model.ts")(image), expected)
    session = onnxruntime.InferenceSession(exported_whole.folder / "models" / "model.onnx")
    (found,) = session.run(["pred"], {"image": torch.cat([image] * 3).numpy()})
    assert expected.abs().max() > 0.1
    np.testing.assert_allclose(found[2:], expected.numpy(), atol=1e-4, rtol=0)


def test_forms_that_differ_are_not_exported(unet_run, tmp_path, monkeypatch, quick):
    monkeypatch.setattr(export, "largest_difference", lambda *_: {"model.onnx": 2e-4})
    with pytest.raises(InputError, match=r"model\.onnx: differs from PyTorch by 2\.0e-04"):
        export_bundle(UNET, unet_run, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_differences_are_found(exported_whole, unet, tmp_path):
    shutil.copytree(exported_whole.folder, tmp_path / "bundle")
    other = torch.jit.load(exported_whole.folder / "models" / "model.ts")
    with torch.no_grad():
        other.final_conv.bias += 0.5
    other.save(tmp_path / "bundle" / "models" / "model.ts")
    found = formats.largest_difference(unet, tmp_path / "bundle", [as_input(picture(32, 32, 1))])
    assert found["model.ts"] > 0.05
    assert found["model.onnx"] < 1e-5


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_outputs_that_are_no_numbers_are_differences(exported_whole, unet, tmp_path, value):
    shutil.copytree(exported_whole.folder, tmp_path / "bundle")
    other = torch.jit.load(exported_whole.folder / "models" / "model.ts")
    with torch.no_grad():
        other.final_conv.bias += value
    other.save(tmp_path / "bundle" / "models" / "model.ts")
    found = formats.largest_difference(unet, tmp_path / "bundle", [as_input(picture(32, 32, 1))])
    assert found["model.ts"] == float("inf")


# twice, and over another


@pytest.mark.slow
def test_twice_the_same_bytes_in_all_forms(exported_whole, unet_run, tmp_path):
    again = export_bundle(UNET, unet_run, tmp_path, "1.2.3", "a tiny one")
    assert again.archive.read_bytes() == exported_whole.archive.read_bytes()


def test_twice_the_same_bytes(unet_run, tmp_path, quick):
    first, second = (export_bundle(UNET, unet_run, tmp_path / name, "1.2.3", "a tiny one") for name in "ab")
    assert first.archive.read_bytes() == second.archive.read_bytes()
    assert export_bundle(UNET, unet_run, tmp_path / "a", "1.2.3", "a tiny one").written is False


def test_another_export_is_not_replaced_unasked(unet_run, tmp_path, quick):
    export_bundle(UNET, unet_run, tmp_path, "1.0.0")
    with pytest.raises(InputError, match=r"holds version 1\.0\.0, not 1\.1\.0"):
        export_bundle(UNET, unet_run, tmp_path, "1.1.0")
    other = replace(unet_run, state={name: value + 1 for name, value in unet_run.state.items()})
    with pytest.raises(InputError, match=r"holds other weights or configs of version 1\.0\.0; raise --version"):
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


# with MONAI alone


@pytest.mark.slow
def test_it_runs_where_only_monai_is_installed(exported_whole, unet, tmp_path):
    bundle = tmp_path / "mani_unet"
    shutil.copytree(exported_whole.folder, bundle)
    (tmp_path / "images").mkdir()
    image = picture(64, 64, 5)
    Image.fromarray(image).save(tmp_path / "images" / "a.png")
    done = run_alone(bundle)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "alone: BasicUNet RecursiveScriptModule" in done.stdout
    masks = [np.asarray(Image.open(tmp_path / place / "a_mask.png")) for place in ("by_run", "by_workflow")]
    with torch.inference_mode():
        logits = unet(as_input(image))[0]
    expected = (logits[1] > logits[0]).numpy()
    assert 0.05 < expected.mean() < 0.95
    for mask in masks:
        assert ((mask > 0) == expected).mean() > 0.999
    assert files_in(bundle) == FILES
    assert ConfigParser.load_config_file(str(bundle / "configs" / "inference.json"))["features"] == [4, 4, 8, 8, 8, 4]
