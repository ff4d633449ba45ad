"""Overlays that change images or masks instead of losses: what they do within the bundles' workflows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from PIL import Image
from scipy.special import softmax
from trainings import equal, run

from mani_monai.config_index import find_config
from mani_monai.data.writers import write_instance_map
from mani_monai.declaration import Declaration
from mani_monai.inference_config import inference_config
from mani_monai.model import Model
from mani_monai.transforms import dense_crf, normalise_stains, swap_low_frequencies
from mani_monai.transforms.nuclei_seams import mark_seams
from mani_monai.transforms.sure_nuclei import UNSURE_ID
from mani_monai.utils.files import load_tensors

BUNDLES = Path(__file__).parents[2] / "bundles"
BOTH = ["mani_unet", "mani_hovernet"]
STAINS = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}
BLUR = {"_target_": "GaussianSmoothd", "keys": "image", "sigma": 1.0}


def pixels(path: str, bundle: str) -> np.ndarray:
    """3HW in 0..1."""
    image = np.asarray(Image.open(path), np.float32) / 255
    return image.transpose(2, 0, 1)


def normalised(path: str, bundle: str) -> np.ndarray:
    """The same, normalised, in steps of a grey level."""
    return (normalise_stains(pixels(path, bundle)) * 255).round() / 255


# dense CRF


def test_dense_crf_refines_the_evaluations_answer():
    evaluation, overlay = (
        json.loads(find_config(BUNDLES / "mani_unet", name).read_text()) for name in ("evaluate", "dense_crf")
    )
    lines, plain = overlay["evaluate::answer"], evaluation["evaluate"]["answer"]
    assert lines[: len(plain)] == plain
    targets = [line["_target_"] for line in lines[len(plain) :]]
    pieces = [f"mani_monai.transforms.{name}" for name in ("DenseCRFd", "BackgroundOffTissued")]
    assert targets == ["Lambdad", "Activationsd", *pieces]


@pytest.mark.parametrize("channels", [2, 3])
def test_dense_crf_refines_logits_before_the_mask(make_workflow, tmp_path, channels):
    parser = make_workflow(tmp_path, "evaluate", "dense_crf", initialize=[]).parser
    random = np.random.default_rng(0)
    item = {
        "image": torch.from_numpy(random.uniform(0, 1, (3, 24, 20)).astype(np.float32)),
        "label": torch.zeros(1, 24, 20),
        "pred": torch.from_numpy(random.normal(size=(channels, 24, 20)).astype(np.float32)),
    }
    expected = dense_crf(softmax(item["pred"][:2].numpy(), axis=0)[1], item["image"].numpy()) > 0.5
    mask = parser.get_parsed_content("evaluate::postprocessing")(item)["pred"]
    np.testing.assert_array_equal(mask.numpy(), [~expected, expected])
    assert (expected != (item["pred"][1] > item["pred"][0]).numpy()).any()


def test_dense_crf_finds_no_nuclei_off_tissue(make_workflow, tmp_path):
    """Of one colour, the whole image is drawn to nuclei, pen at its edge too: neither mask nor nuclei hold it."""
    parser = make_workflow(tmp_path, "evaluate", "dense_crf", initialize=[]).parser
    logits = torch.stack([torch.zeros(40, 40), torch.full((40, 40), 5.0)])
    tissue = torch.ones(1, 40, 40, dtype=torch.uint8)
    tissue[:, :3, 18:21] = 0
    item = {"image": torch.full((3, 40, 40), 0.4), "label": torch.zeros(1, 40, 40), "pred": logits}
    item |= {"tissue": tissue, "loaded_nuclei": torch.zeros(1, 40, 40)}
    crf = parser.get_parsed_content("evaluate::answer")[-2]
    shares = torch.stack([1 - tissue[0], tissue[0]]).float()
    assert (crf({**item, "pred": shares})["pred"][1, :3, 18:21] > 0.5).any(), "the step alone puts nuclei there"
    found = parser.get_parsed_content("evaluate::test_postprocessing")(item)
    assert (found["instances"][0] > 0).any()
    assert not found["instances"][0, :3, 18:21].any()
    np.testing.assert_array_equal(found["pred"][1], tissue[0])


def test_scores_with_dense_crf_lie_beside_those_without(make_workflow, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    make_workflow(folder, "evaluate").run()
    make_workflow(folder, "evaluate", "dense_crf").run()
    plain, refined = (
        json.loads((folder / name / "metrics.json").read_text())["selections"]["last"]["dice_mean"]
        for name in ("evaluation", "evaluation_dense_crf")
    )
    assert plain > 0.2
    assert refined > 0.2
    assert plain != refined


# Fourier style transfer


def test_fda_shows_the_source_in_the_targets_style(make_workflow, tmp_path):
    plain = make_workflow(tmp_path, "source_only", crop_size=64).parser.get_parsed_content("train::dataset")
    options = {"crop_size": 64, "transforms::pair": [{**fda_line(), "beta": 0.05}]}
    styled = make_workflow(tmp_path, "source_only", **options).parser.get_parsed_content("train::dataset")
    for number in range(3):
        before, after = plain[number], styled[number]
        expected = swap_low_frequencies(before["image"], before["target_image"], 0.05)
        torch.testing.assert_close(after["image"], expected, atol=0, rtol=0)
        assert not torch.equal(before["image"], after["image"])
        assert all(torch.equal(before[key], after[key]) for key in ("label", "target_image"))


def fda_line() -> dict:
    (line,) = json.loads(find_config(BUNDLES / "mani_unet", "fda").read_text())["+transforms::pair"]
    return line


def test_fda_alone_needs_no_loss_and_changes_training(make_workflow, tmp_path):
    for name, overlays in {"plain": ["source_only"], "fda": ["source_only", "fda"]}.items():
        outputs = run(make_workflow(tmp_path / name, *overlays, iterations=2, warmup=0))
        assert all(set(output) == {"loss"} for output in outputs)
    plain, fda = (dict(load_tensors(tmp_path / name / "models/model.pt")) for name in ("plain", "fda"))
    assert not equal(plain, fda, "conv.weight")


# stain normalisation


@pytest.mark.parametrize("bundle", BOTH)
def test_every_image_of_a_training_is_normalised(make_workflow, tmp_path, bundle):
    parser = make_workflow(tmp_path, "stain_normalisation", "evaluate", bundle=bundle, initialize=[]).parser
    for name in ("validate::dataset", "evaluate::test_dataset", "evaluate::oracle_dataset"):
        dataset = parser.get_parsed_content(name)
        for item, made in zip(dataset.data, dataset, strict=True):
            np.testing.assert_allclose(made["image"], normalised(item["image"], bundle), atol=1e-6)
            assert np.abs(normalised(item["image"], bundle) - pixels(item["image"], bundle)).mean() > 0.01


def test_source_and_target_of_a_training_are_normalised(make_workflow, tmp_path):
    """Cropping and turning move pixels, no colours: their sorted values are those of one whole image."""
    parser = make_workflow(tmp_path, "stain_normalisation", crop_size=64).parser
    dataset = parser.get_parsed_content("train::dataset")
    known = {
        key: [np.sort(normalised(item["image"], "mani_unet"), axis=None) for item in items]
        for key, items in {"image": dataset.data, "target_image": dataset.target_data}.items()
    }
    for number in range(4):
        for key, images in known.items():
            made = np.sort(dataset[number][key].numpy(), axis=None)
            assert any(np.allclose(made, image, atol=1e-6) for image in images), key


@pytest.mark.parametrize("bundle", BOTH)
@pytest.mark.parametrize("steps", [[], [STAINS], [BLUR, STAINS]])
def test_inference_sees_what_training_saw_to_the_last_bit(make_workflow, tmp_path, bundle, steps):
    """In training, in a generated ``inference.json`` and in a model, by the same list."""
    training = make_workflow(tmp_path, bundle=bundle, preprocessing=steps).parser
    shown = training.get_parsed_content("validate::dataset")
    metadata = json.loads((BUNDLES / bundle / "configs" / "metadata.json").read_text())
    declaration = Declaration.from_metadata(metadata).trained(preprocessing=steps)
    config = json.loads(json.dumps(inference_config(declaration, str(tmp_path))))
    transform = ConfigParser(config).get_parsed_content("preprocessing")
    model = Model(torch.nn.Identity(), declaration, "cpu", "float32")
    for item, expected in zip(shown.data, shown, strict=True):
        made = transform({"image": item["image"]})["image"]
        assert torch.equal(made.as_tensor(), expected["image"])
        assert made.meta["filename_or_obj"] == item["image"]
        picture = np.asarray(Image.open(item["image"]))
        assert torch.equal(model.input.image(picture), expected["image"])
    assert len(shown)


# labels that are more than a mask


@pytest.mark.parametrize("overlay", ["seams", "contour", "distance", "self_training"])
def test_scores_are_against_the_labels_own_mask(make_workflow, tmp_path, overlay):
    """A seam of background is marked above 0, and would count as nuclei in Dice and in the choice by it."""
    parser = make_workflow(tmp_path, overlay, "evaluate", initialize=[]).parser
    marked = 0
    for name in ("validate::dataset", "evaluate::test_dataset", "evaluate::oracle_dataset"):
        dataset = parser.get_parsed_content(name)
        for item, made in zip(dataset.data, dataset, strict=True):
            ids = np.asarray(Image.open(item["label"]))
            np.testing.assert_array_equal(made["label"][0], ids > 0)
            marked += ((mark_seams(ids) > 0) & (ids == 0)).sum()
    assert marked > 0


def test_unsure_pixels_of_a_label_take_no_part_in_self_trainings_score(make_workflow, data_copy, tmp_path):
    parser = make_workflow(tmp_path / "run", "self_training", initialize=[], dataset_dir=str(data_copy)).parser
    items = parser.get_parsed_content("validate::dataset").data
    ids = np.asarray(Image.open(items[0]["label"])).astype(np.int32)
    ids[:40] = UNSURE_ID
    write_instance_map(items[0]["label"], ids)
    parser = make_workflow(tmp_path / "run", "self_training", initialize=[], dataset_dir=str(data_copy)).parser
    item = parser.get_parsed_content("validate::dataset")[0]
    np.testing.assert_array_equal(item["label"][0], (ids > 0) & (ids != UNSURE_ID))
    assert not item["tissue"][0, :40].any()
    assert item["tissue"][0, 40:].any()
    nuclei = torch.stack([torch.full(ids.shape, -9.0), torch.full(ids.shape, 9.0)])
    made = parser.get_parsed_content("validate::postprocessing")({**item, "pred": nuclei})
    assert not made["pred"][1, :40].any(), "whatever the network says there"
