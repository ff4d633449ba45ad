"""Exports of before the key "model" are read as they were meant, to the pixel; anything else is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from bundle_files import REPOSITORY
from exports import as_input, picture
from small_bundles import FEATURES, write_older_bundle

from mani_monai.declaration import COLUMNS, ROWS
from mani_monai.known_components import HOVER_PARTING
from mani_monai.model import Model
from mani_monai.older_exports import PIPELINES, older_declaration
from mani_monai.transforms import normalise_stains
from mani_monai.utils import InputError
from mani_monai.utils.archive import write_hashes

STAINS = {"_target_": "scripts.transforms.NormaliseStainsd", "keys": "image", "white": 1}


def change(folder: Path, name: str = "inference.json", **values) -> Path:
    path = folder / "configs" / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    write_hashes(folder)
    return folder


def refusal_of(folder: Path) -> str:
    with pytest.raises(InputError) as refusal:
        Model.open(folder, "cpu")
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.fixture
def bundle(tmp_path):
    return write_older_bundle(tmp_path / "mani_unet", window=-1)


def test_it_sees_columns_first_as_it_was_trained(bundle):
    model, image = Model.open(change(bundle, "metadata.json", mpp=0.5), "cpu", "float32"), picture(40, 64, 3)
    assert (model.declaration.axes, model.mpp) == (COLUMNS, 0.5)
    assert list(model.declaration.network["features"]) == FEATURES
    with torch.inference_mode():
        expected = model.network(as_input(image).transpose(2, 3))[0].transpose(1, 2).numpy()
    np.testing.assert_allclose(model.maps(image), expected, atol=1e-5)
    mask = model(image).mask
    np.testing.assert_array_equal(mask, expected[1] > expected[0])
    assert 0.05 < mask.mean() < 0.95


def test_normalised_stains_were_not_rounded(bundle):
    path = bundle / "configs" / "inference.json"
    config = json.loads(path.read_text())
    config["preprocessing"]["transforms"].append(STAINS)
    change(bundle, preprocessing=config["preprocessing"])
    model, image = Model.open(bundle, "cpu", "float32"), picture(40, 64, 3)
    shown = torch.from_numpy(normalise_stains(as_input(image)[0].transpose(1, 2).numpy()))
    with torch.inference_mode():
        expected = model.network(shown[None])[0].transpose(1, 2).numpy()
    np.testing.assert_allclose(model.maps(image), expected, atol=1e-4)


def test_the_weights_that_come_along_are_read():
    model = Model.open(REPOSITORY / "pretrained" / "mani_unet", "cpu")
    assert model.mpp == 0.25
    assert "tnbc" in model.licence


def test_a_hovernets_settings_and_types():
    names = ["background", "a", "b"]
    steps = {**PIPELINES["mani_hovernet"], "mode": "original", "out_classes": 3, "class_names": names}
    steps["postprocessing"] = {"transforms": [*steps["postprocessing"], {"_target_": "SaveNucleid"}]}
    declared = older_declaration(steps, {"mpp": 0.25})
    assert (declared.window, declared.output, declared.axes) == (270, 80, ROWS)
    assert (declared.class_names, declared.mpp) == (tuple(names), 0.25)
    assert declared.settled_parting() == {"_target_": HOVER_PARTING, "min_size": 10, "largest_hole": 64}
    with pytest.raises(InputError, match="class_names: are not 3 names"):
        older_declaration({**steps, "class_names": ["background"]}, {})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"preprocessing": {"_target_": "Compose", "transforms": []}}, "its preprocessing is not that of mani_unet"),
        ({"preprocessing": "@elsewhere"}, "its preprocessing is not that of mani_unet"),
        ({"inferer": {"_target_": "SimpleInferer"}}, "its inferer is not that of mani_unet"),
        ({"postprocessing": None}, "its postprocessing is not that of mani_unet"),
        ({"postprocessing": {"transforms": [{"_target_": "Flipd"}]}}, "its postprocessing is not"),
        ({"network_def": {"_target_": "UNETR"}}, "its network is UNETR, of neither"),
        ({"network_def": None}, "its network is None, of neither"),
        ({"window": True}, "window: is True"),
        ({"window": 10**9}, "window: is 1000000000"),
        ({"features": [4]}, "features are"),
    ],
)
def test_one_that_does_anything_else_is_refused(bundle, values, message):
    assert f"configs/inference.json: {message}" in refusal_of(change(bundle, **values)).replace("network: f", "f")


@pytest.mark.parametrize("content", ["{", "[1]", None])
def test_configs_that_cannot_be_read(bundle, content):
    path = bundle / "configs" / "inference.json"
    path.unlink() if content is None else path.write_text(content)
    write_hashes(bundle)
    assert "configs/inference.json" in refusal_of(bundle)


def test_a_pixel_size_that_makes_no_sense(bundle):
    change(bundle, "metadata.json", mpp=40)
    assert "configs/metadata.json: mpp 40: write micrometres" in refusal_of(bundle)
