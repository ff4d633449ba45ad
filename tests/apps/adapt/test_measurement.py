"""What is measured of a model is what an inference with it gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from exports import picture
from PIL import Image
from small_bundles import write_unet_bundle

from mani_monai.apps.adapt.measurement import MEASURED, SCORED, label_free_scores, measure_model
from mani_monai.apps.adapt.trained_outcome import measure_labels
from mani_monai.apps.infer.folder_run import infer_folder
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.model import Model
from mani_monai.transforms.rescaling import rescaled

STAINS = [{"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}]


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "images").mkdir()
    names = [tmp_path / "images" / f"{number}.png" for number in range(3)]
    for number, path in enumerate(names):
        Image.fromarray(picture(96, 112, number)).save(path)
    return names


@pytest.mark.parametrize("mpp", [None, 0.5])
@pytest.mark.parametrize("steps", [[], STAINS])
def test_counts_are_those_of_an_inference(paths, tmp_path, steps, mpp):
    """Rescaled, normalised and parted, also where the pictures are not square."""
    bundle = write_unet_bundle(tmp_path / "bundle", mpp=0.25, preprocessing=steps)
    result = infer_folder(bundle, paths[0].parent, tmp_path / "out", mpp, ["csv"], progress=False, ahead=0)
    found = measure_model(Model.open(bundle), paths, given_pixel_size(mpp))
    assert [image.count for image in found.images] == [image.nuclei for image in result.images]
    assert found.nuclei.count == sum(image.nuclei for image in result.images) > 0
    assert found.finite
    assert {"stain", "symmetry"} < found.scores.keys()
    assert found.unsized == (3 if mpp is None else 0)


def test_scores_are_of_the_networks_magnification(paths, tmp_path):
    model = Model.open(write_unet_bundle(tmp_path / "bundle", mpp=0.25))
    at_its_size = [rescaled(np.asarray(Image.open(path)), 2.0) for path in paths]
    assert measure_model(model, paths, given_pixel_size(0.5)).scores == label_free_scores(model, at_its_size)


def test_weights_that_are_no_numbers_find_nothing(paths, tmp_path):
    model = Model.open(write_unet_bundle(tmp_path / "bundle"))
    with torch.no_grad():
        model.network.final_conv.bias[0] = float("nan")
    found = measure_model(model, paths)
    assert (found.finite, found.nuclei.count, found.nuclei.share) == (False, 0, 0.0)


def test_as_many_images_as_are_said(paths, tmp_path):
    model = Model.open(write_unet_bundle(tmp_path / "bundle"))
    assert measure_model(model, [paths[0]] * (MEASURED + 3)).nuclei.images == MEASURED
    assert SCORED < MEASURED


def test_labels_are_told_apart_as_they_say_or_parted(tmp_path):
    ids = np.zeros((60, 60), np.uint8)
    ids[10:30, 10:30], ids[10:30, 30:50] = 1, 2
    rows, columns = np.indices(ids.shape)
    discs = sum(((rows - 30) ** 2 + (columns - c) ** 2 <= 100) for c in (20, 38)) > 0
    for number, label in enumerate((ids, discs.astype(np.uint8))):
        Image.fromarray(label).save(tmp_path / f"{number}.png")
    told, parted = (measure_labels([str(tmp_path / f"{number}.png")]) for number in range(2))
    assert sorted(told.areas) == [400, 400]
    assert parted.count == 2, "discs that overlap are parted at their neck"
