"""Vectors of a source's nuclei and background: means of what enters the last layer, carried by run and export."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from small_bundles import write_unet_bundle
from trainings import run

from mani_monai.apps.export.read_run import read_run
from mani_monai.apps.steps.source_prototypes import note_prototypes, source_prototypes
from mani_monai.data.datalists import load_source_list
from mani_monai.model import Model
from mani_monai.utils import InputError


@pytest.fixture
def items(tmp_path):
    """Two images with a nucleus on the left half, and one without."""
    random, found = np.random.default_rng(0), []
    for number in range(3):
        Image.fromarray(random.integers(90, 200, (40, 48, 3), np.uint8)).save(tmp_path / f"{number}.png")
        label = np.zeros((40, 48), np.uint8)
        label[:, :24] = number < 2
        Image.fromarray(label).save(tmp_path / f"{number}_label.png")
        found.append({"image": str(tmp_path / f"{number}.png"), "label": str(tmp_path / f"{number}_label.png")})
    return found


def test_vectors_are_means_of_what_enters_the_head(items, tmp_path):
    model = Model.open(write_unet_bundle(tmp_path / "mani_unet", mpp=0.25), "cpu", "float32")
    found = source_prototypes(model, items, progress=False)
    assert [len(found[name]) for name in ("nuclei", "background")] == [2, 2]
    picture = np.asarray(Image.open(items[1]["image"]))[4:36]
    kept = []
    hook = model.network.final_conv.register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0][0]))
    with torch.no_grad():
        model.network(model.input.image(picture)[None])
    hook.remove()
    expected = kept[0][:, :, :24].mean((1, 2)), kept[0][:, :, 24:].mean((1, 2))
    for name, vector in zip(("nuclei", "background"), expected, strict=True):
        np.testing.assert_allclose(found[name][1], vector.numpy(), rtol=1e-3, atol=1e-4)


def test_stains_are_the_whole_images_as_in_training(toy_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("mani_monai.apps.steps.source_prototypes.SIDE", 32)
    steps = ({"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"},)
    model = Model.open(write_unet_bundle(tmp_path / "mani_unet", preprocessing=steps), "cpu", "float32")
    items = load_source_list(toy_dir, "toy_source", "split_0", "validation")[:1]
    whole = np.asarray(Image.open(items[0]["image"]))
    middle = slice((len(whole) - 32) // 2, (len(whole) + 32) // 2)
    nuclei = torch.from_numpy(np.asarray(Image.open(items[0]["label"]))[middle, middle] > 0)
    kept = []
    hook = model.network.final_conv.register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0][0]))
    with torch.no_grad():
        for seen in (whole, None):
            model.network(model.input.image(whole[middle, middle], seen)[None])
    hook.remove()
    right, own = (features[:, nuclei].mean(1).numpy() for features in kept)
    (found,) = source_prototypes(model, items, progress=False)["nuclei"]
    np.testing.assert_allclose(found, right, rtol=1e-3, atol=1e-4)
    assert not np.allclose(found, own, rtol=1e-3, atol=1e-4)


def test_no_image_with_both_classes(items, tmp_path):
    model = Model.open(write_unet_bundle(tmp_path / "mani_unet", mpp=0.25), "cpu", "float32")
    with pytest.raises(InputError, match="holds no image with both nuclei and background"):
        source_prototypes(model, items[2:], progress=False)


def test_a_run_notes_them_for_its_exports(make_workflow, tmp_path):
    run(make_workflow(tmp_path / "run"))
    assert Model.open(tmp_path / "run", "cpu").prototypes is None
    found = note_prototypes(tmp_path / "run")
    assert Model.open(tmp_path / "run", "cpu").prototypes == found
    assert read_run(tmp_path / "run").facts["prototypes"] == found
    assert Model.open(tmp_path / "run", "cpu", weights="model_source_val.pt").prototypes is None, "these are others"
    assert "prototypes" not in read_run(tmp_path / "run", weights="model_source_val.pt").facts
    size = len(json.dumps(found))
    assert 0 < size < 20_000, "some kilobytes"
