"""A large picture is measured by windows, as a slide is, whoever asks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from exports import picture
from painted_model import painted, painted_model, round_nuclei
from PIL import Image
from small_bundles import write_unet_bundle

from mani_monai import Model
from mani_monai.apps.infer import folder_run
from mani_monai.apps.infer.folder_run import infer_folder
from mani_monai.large_picture import windows_over

STAINS = [{"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}]
PICTURE = np.concatenate([picture(96, 112, 0), 255 - (255 - picture(96, 112, 1)) // 3])


DISCS = [(40, 40, 12), (100, 60, 12), (60, 250, 9), (120, 200, 12)]


@pytest.fixture
def large(monkeypatch):
    """Pictures are large from a thousand pixels, and windows small."""
    monkeypatch.setattr("mani_monai.transforms.rescaling.MOST_WHOLE", 1000)
    monkeypatch.setattr("mani_monai.large_picture.EDGE", 32)


def unet(folder):
    return Model.open(write_unet_bundle(folder / "bundle", mpp=0.25, preprocessing=STAINS), "cpu", "float32")


def test_a_small_picture_is_measured_whole(tmp_path):
    model = unet(tmp_path)
    maps, fitted = model.answer(PICTURE)
    np.testing.assert_array_equal(maps, model.maps(PICTURE))
    assert fitted is model


def test_windows_stand_for_a_large_picture(tmp_path, large):
    model = unet(tmp_path)
    maps, _ = model.answer(PICTURE)
    assert not np.array_equal(maps, model.maps(PICTURE))


@pytest.mark.parametrize("kind", ["stains", "borders"])
def test_a_model_in_python_and_the_command_find_the_same_nuclei(tmp_path, monkeypatch, large, kind):
    """The table to the last digit, and outlines."""
    if kind == "stains":
        model, image = unet(tmp_path), PICTURE
    else:
        random = np.random.default_rng(0)
        places = [(int(random.integers(10, 200)), int(random.integers(10, 180)), 9) for _ in range(30)]
        model, image = painted_model(mpp=0.25), painted(round_nuclei(210, 190, places))
    (tmp_path / "images").mkdir()
    Image.fromarray(image).save(tmp_path / "images" / "a.png")
    monkeypatch.setattr(folder_run.Model, "open", lambda *options: model)
    done = infer_folder("any", tmp_path / "images", tmp_path / "out", 0.25, ["geojson", "csv"], progress=False)
    assert not done.failed, done.failed
    nuclei = model(tmp_path / "images" / "a.png", mpp=0.25)
    nuclei.save(tmp_path, "a", ["geojson", "csv"])
    for name in ("a_nuclei.csv", "a.geojson"):
        ours, theirs = ((folder / name).read_text() for folder in (tmp_path, tmp_path / "out"))
        if name.endswith("json"):
            ours, theirs = ([part["geometry"] for part in json.loads(text)["features"]] for text in (ours, theirs))
        assert ours == theirs
    assert len(nuclei) > 5


@pytest.mark.parametrize("kind", ["stains", "borders"])
def test_a_part_is_measured_as_its_whole_is(tmp_path, large, kind):
    """As the label server is asked for a region: the same pixels have the same answer, and nuclei the same borders."""
    model, image = unet(tmp_path), PICTURE
    if kind == "borders":
        model, image = painted_model(mpp=0.25), painted(round_nuclei(164, 328, DISCS))
    part = image[:164, :164] if kind == "borders" else image
    measured, fitted = model.measured(image)
    maps = fitted.maps(part.copy(), measured)
    expected, of_whole = model.answer(image)
    np.testing.assert_allclose(maps, expected[:, : part.shape[0], : part.shape[1]], atol=1e-5)
    assert fitted.declaration.parting == of_whole.declaration.parting
    assert (fitted.declaration.parting == model.declaration.parting) == (kind == "stains")


def test_a_part_of_a_small_picture_is_measured_by_all_of_it(tmp_path):
    model, part = unet(tmp_path), PICTURE[:96].copy()
    measured, fitted = model.measured(PICTURE)
    maps = fitted.maps(part, measured)
    np.testing.assert_array_equal(maps, model.maps(part, PICTURE))
    assert fitted is model
    assert not np.array_equal(maps, model.answer(part)[0])


def test_windows_cover_a_grid_once():
    cover = np.zeros((70, 95), int)
    for window in windows_over(cover.shape, 32):
        cover[window.top : window.bottom, window.left : window.right] += 1
        assert window.shape <= (32, 32)
    assert (cover == 1).all()
