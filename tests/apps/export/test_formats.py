"""An export in all forms: what lies in it, that the forms agree, and that the exporter is silent about itself."""

from __future__ import annotations

import logging
import shutil
import warnings
import zipfile

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exports import REPOSITORY, as_input, picture, run_alone
from monai.bundle import ConfigParser
from PIL import Image
from zoo import zoo_faults

from mani_monai.apps.export import formats
from mani_monai.apps.export.export_bundle import export_bundle
from mani_monai.apps.export.formats import write_onnx
from mani_monai.apps.inspect.inspection import inspect_bundle, is_dangerous
from mani_monai.utils.archive import files_of

UNET = REPOSITORY / "bundles" / "mani_unet"
FILES = {
    "LICENSE", "configs/inference.json", "configs/logging.conf", "configs/metadata.json", "docs/README.md",
    "docs/data_license.txt", "hashes.json", "metrics.json", "models/model.onnx", "models/model.pt", "models/model.ts",
}  # fmt: skip


def files_in(folder) -> set[str]:
    """Names of a bundle's files, without the modules that it carries."""
    return {name for name in files_of(folder) if not name.startswith("scripts/")}


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


@pytest.mark.slow
def test_twice_the_same_bytes_in_all_forms(unet_run, tmp_path):
    first, second = (export_bundle(UNET, unet_run, tmp_path / name, "1.2.3") for name in "ab")
    assert first.archive.read_bytes() == second.archive.read_bytes()


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


def test_onnx_is_written_without_a_warning(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)  # a handler of another test may hold a closed stream
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3, padding=1), torch.nn.BatchNorm2d(2))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        write_onnx(network, torch.rand(2, 3, 32, 32), 16, tmp_path / "model.onnx")
    assert [str(warning.message) for warning in heard] == []
    assert capfd.readouterr() == ("", "")
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert ([side.name for side in graph.input], [side.name for side in graph.output]) == (["image"], ["pred"])
