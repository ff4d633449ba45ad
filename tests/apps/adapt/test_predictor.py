"""Masks of a training's own network and inferer, and what is measured on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bundle_files import REPOSITORY
from exports import as_input, picture, settle
from monai.networks.nets import BasicUNet
from PIL import Image

from mani_monai.apps.adapt.measurement import MEASURED, SCORED, measure_labels, measure_model
from mani_monai.apps.adapt.methods import base_of, make_plan
from mani_monai.apps.adapt.predictor import Predictor
from mani_monai.transforms import normalise_stains
from mani_monai.utils import InputError


@pytest.fixture(scope="module")
def paths(toy_dir):
    return [str(path) for path in sorted((toy_dir / "toy_target" / "images").iterdir())]


def predictor(tiny_options, features=None, largest=64, **options):
    table = base_of(REPOSITORY / "bundles" / "mani_unet", "small")
    plan = make_plan(table, "mean_teacher_stain_augmentation", ("a", "b"), {**tiny_options, **options})
    return Predictor(plan.after, "nowhere", largest, features)


@pytest.fixture
def slide(tmp_path):
    """A picture that is not square."""
    pixels = picture(48, 80, 0)
    Image.fromarray(pixels).save(tmp_path / "slide.png")
    return as_input(pixels), str(tmp_path / "slide.png")


@pytest.fixture
def weights(tmp_path, slide):
    """A network that calls half of the picture nuclei."""
    torch.manual_seed(0)
    network = settle(BasicUNet(2, 3, 2, [4] * 6, act="RELU", norm="BATCH"), slide[0])
    with torch.no_grad():
        background, nuclei = network(slide[0])[0]
        network.final_conv.bias[1] -= (nuclei - background).median()
    torch.save(network.state_dict(), tmp_path / "model.pt")
    return network, tmp_path / "model.pt"


def test_masks_lie_on_the_images(tiny_options, weights, slide):
    """Not transposed, which square images would hide."""
    network, path = weights
    image, name = slide
    found = predictor(tiny_options, largest=80)
    assert found.load(path)
    with torch.no_grad():
        expected = network(image).argmax(dim=1)[0].numpy() == 1
    first, second = found.masks([name, name])
    assert first.dtype == bool
    assert first.shape == (48, 80)
    assert (first == expected).all()
    assert (second == expected).all()
    assert 0.3 < expected.mean() < 0.7


def test_large_images_go_through_in_windows(tiny_options):
    sizes = [predictor(tiny_options, largest=side).inferer.inferer.roi_size for side in (1024, 1025)]
    assert [tuple(size) for size in sizes] == [(-1, -1), (512, 512)]


def test_weights_of_another_width_and_weights_that_are_no_numbers(tiny_options, weights, tmp_path):
    network, path = weights
    with pytest.raises(InputError, match="holds another network"):
        predictor(tiny_options, features=(8, 8, 8, 8, 8, 8)).load(path)
    state = network.state_dict()
    state["final_conv.bias"][0] = float("nan")
    torch.save(state, tmp_path / "broken.pt")
    assert not predictor(tiny_options).load(tmp_path / "broken.pt")


def test_a_model_is_measured_on_some_images_evenly_taken(tiny_options, weights, paths):
    measured = measure_model(predictor(tiny_options), weights[1], paths * 10)
    assert measured.finite
    assert len(measured.masks) == measured.nuclei.images == MEASURED
    assert measured.nuclei.share == pytest.approx(np.mean([mask.mean() for mask in measured.masks]))
    assert {"stain", "symmetry"} <= set(measured.scores)
    assert SCORED < MEASURED


def test_labels_are_measured_as_masks_are(toy_dir):
    labels = sorted((toy_dir / "toy_source" / "labels").iterdir())
    found = measure_labels([str(path) for path in labels])
    ids = [np.asarray(Image.open(path)) for path in labels]
    assert found.share == pytest.approx(np.mean([(map_ > 0).mean() for map_ in ids]))
    assert 0 < found.count <= sum(int(map_.max()) for map_ in ids), "nuclei that touch count as one"


def test_an_option_of_the_methods_overlay_is_no_hindrance(tiny_options):
    assert predictor(tiny_options, **{"teacher::momentum": "0.05"}).network is not None


def test_images_reach_a_network_as_it_was_trained(tiny_options, slide):
    """Normalised by the method that was trained so, by no other; and as a given model asks for."""
    image, name = slide
    table = base_of(REPOSITORY / "bundles" / "mani_unet", "small")
    runs = {method: make_plan(table, method, ("a", "b"), tiny_options).after for method in ("stain_adabn", "mani")}
    expected = {False: image[0].numpy(), True: normalise_stains(image[0].numpy())}
    assert np.abs(expected[True] - expected[False]).mean() > 0.02
    for method, overlays, normalised in (
        ("mani", None, False),
        ("stain_adabn", None, True),
        ("stain_adabn", (), False),
        ("mani", ("stain_normalisation.json",), True),
    ):
        shown = Predictor(runs[method], "nowhere", 80, overlays=overlays)
        assert bool(shown.preprocessing) == normalised
        (item,) = shown.images([name])
        np.testing.assert_allclose(item["image"], expected[normalised], atol=0.51 / 255)
