"""The folder for QuPath: TorchScript that gives the model's own nuclei, and a description of it."""

from __future__ import annotations

import hashlib
import json
import zipfile

import numpy as np
import pytest
import torch
from painted_model import painted_model
from small_bundles import write_unet_bundle

from mani_monai.apps.export.export_command import export
from mani_monai.apps.export.qupath_folder import scaled_as_qupath, write_qupath_folder
from mani_monai.apps.export.qupath_network import DARKEST, LIGHTEST, qupath_network
from mani_monai.model import Model
from mani_monai.transforms import PartNucleid
from mani_monai.utils import InputError

NEWEST_ARCHIVE = 10
"""Of TorchScript, that QuPath's torch 2.7 reads."""
STAINS = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_unet_bundle(tmp_path_factory.mktemp("bundle") / "mani_unet", window=-1, mpp=0.25)


@pytest.fixture(scope="module")
def model(bundle):
    return Model.open(bundle, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return write_qupath_folder(model, tmp_path_factory.mktemp("dist"))


def test_the_files_are_those_that_the_extension_asks_for(folder):
    assert folder.name == "mani_unet_qupath"
    description = json.loads((folder / "rdf.yaml").read_text())
    assert description["config"]["qupath"]["axes"] == [{"role": r, "step": 0.25, "unit": "um"} for r in "xy"]
    weights = description["weights"]["torchscript"]
    assert weights["sha256"] == hashlib.sha256((folder / weights["source"]).read_bytes()).hexdigest()
    assert weights["source"] == "instanseg.pt"
    assert "micrometres per pixel" in (folder / description["documentation"]).read_text()
    assert description["documentation"] == f"{description['name']}_README.md"


def test_the_archive_is_not_newer_than_qupath_reads(folder):
    with zipfile.ZipFile(folder / "instanseg.pt") as archive:
        name = next(name for name in archive.namelist() if name.rpartition("/")[2] == "version")
        assert int(archive.read(name)) <= NEWEST_ARCHIVE


def test_the_file_gives_its_test_output_for_its_test_input(folder):
    script = torch.jit.load(folder / "instanseg.pt")
    image, labels = (np.load(folder / f"test-{name}.npy") for name in ("input", "output"))
    assert (image.shape, image.dtype, labels.shape, labels.dtype) == (
        (1, 3, 256, 256),
        np.float32,
        (1, 1, 256, 256),
        np.float32,
    )
    with torch.inference_mode():
        scaled = torch.from_numpy(scaled_as_qupath(image))
        np.testing.assert_array_equal(script(scaled, torch.tensor([1])).numpy(), labels)
        np.testing.assert_array_equal(script(scaled[0]).numpy(), labels[0])  # without a batch
        assert script(scaled[0, :, :5, :9]).shape == (1, 5, 9)  # smaller than the network takes


def test_nuclei_are_those_of_mani_infer_on_the_same_input(model):
    picture = np.random.default_rng(0).integers(60, 220, (75, 90, 3), dtype=np.uint8)
    network = qupath_network(model)
    seen = torch.from_numpy(np.moveaxis(picture, -1, 0)[None] / 255).float()
    dark, light = (torch.tensor(values)[:, None, None] for values in (DARKEST, LIGHTEST))
    with torch.inference_mode():
        labels = network((seen - dark) / (light - dark))
    nuclei = model(picture)
    assert len(nuclei) > 0
    assert np.mean(labels[0, 0].numpy() != nuclei.instances) < 1e-3  # scaled there and back, to the last bit of a float


@pytest.mark.parametrize("third", ["contour", "distance"])
def test_a_third_channel_parts_as_in_mani_infer(tmp_path, third):
    random = torch.Generator().manual_seed(0)
    logits = torch.nn.functional.avg_pool2d(torch.randn(1, 3, 90, 101, generator=random) * 20, 9, 1, 4)[0]
    bundle = write_unet_bundle(tmp_path / "mani_unet", window=-1, third=third)
    script = torch.jit.script(qupath_network(Model.open(bundle, "cpu", "float32")))
    expected = PartNucleid(third=third)({"pred": logits})["instances"]
    assert expected.max() > 5
    assert torch.equal(script.nuclei(logits), expected.float())
    assert not torch.equal(script.nuclei(logits[:2]), expected.float())


def test_each_channel_is_scaled_by_its_own_percentiles():
    image = np.stack([np.linspace(low, high, 10_000).reshape(100, 100) for low, high in ((0, 10), (50, 250))])
    scaled = scaled_as_qupath(image.astype(np.float32))
    np.testing.assert_allclose(scaled[0], scaled[1], atol=1e-4)
    np.testing.assert_allclose(np.percentile(scaled[0], (0.1, 99.9)), (0, 1), atol=1e-3)


def test_what_tiles_cannot_do_is_refused(model, bundle, tmp_path):
    with pytest.raises(InputError, match="mani_hovernet: QuPath's extension cannot part its nuclei"):
        qupath_network(painted_model())
    stained = write_unet_bundle(tmp_path / "mani_unet", window=-1, preprocessing=[STAINS])
    with pytest.raises(InputError, match="mani_unet: NormaliseStainsd needs the whole image"):
        qupath_network(Model.open(stained, device="cpu"))
    with pytest.raises(InputError, match=r"--mpp 0.5: the model was trained at 0.25"):
        write_qupath_folder(model, tmp_path, 0.5)
    (tmp_path / "mani_unet_qupath").mkdir()
    with pytest.raises(InputError, match="holds something that was not exported here"):
        write_qupath_folder(model, tmp_path)


def test_the_pixel_size_has_to_be_known(tmp_path):
    bundle = write_unet_bundle(tmp_path / "mani_unet", window=-1, mpp=None)
    model = Model.open(bundle, device="cpu")
    with pytest.raises(InputError, match="does not say its pixel size"):
        write_qupath_folder(model, tmp_path)


def test_the_command(bundle, tmp_path, capsys):
    export(bundle=str(bundle), out=str(tmp_path), format="qupath", version="2.0.0")
    assert json.loads((tmp_path / "mani_unet_qupath" / "rdf.yaml").read_text())["version"] == "2.0.0"
    assert "mani_unet_qupath" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "fiji"}, "--format fiji: choose from bundle, qupath"),
        ({"format": "qupath"}, "--bundle: name one bundle"),
        ({"format": "qupath", "bundle": "x", "zoo": True}, "--zoo: says nothing of --format qupath"),
        ({"format": "qupath", "bundle": "x", "forms": "pt"}, "--forms: says nothing of --format qupath"),
        ({"bundle": "x", "run": "y"}, "--run: name the folder of a training"),
        ({"bundle": "x", "mpp": 0.25}, "--mpp: says nothing of a --bundle"),
        ({"run": "x", "bias": 0.0}, "--bias: says nothing of a --run"),
        ({"run": "x", "zoo_url": "https://x"}, "--zoo_url https://x: is of --zoo; write both"),
        ({}, "--run: name the folder of a training"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(InputError, match=message):
        export(**options)
