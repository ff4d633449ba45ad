"""The HoVer-Net bundle's configs as they are read, nothing made tiny: the paper's settings, modes, one network."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from bundle_files import REPOSITORY
from monai.bundle import ConfigParser
from monai.networks.nets import HoVerNet
from monai.transforms import Compose
from painted_hovernet import parsed_inference

from mani_monai.config_index import find_config

BUNDLE = REPOSITORY / "bundles" / "mani_hovernet"
CONFIGS = BUNDLE / "configs"


def parsed_training(*overlays: str, **settings: object) -> ConfigParser:
    """The bundle's configs as they are, nothing made tiny."""
    parser = ConfigParser()
    parser.read_config([str(find_config(BUNDLE, name)) for name in ("train", *overlays)])
    parser.update(settings)
    return parser


def test_settings_are_the_papers():
    """Stage one: encoder frozen, 50 epochs, adaptation from epoch 11, batch 16, Adam 1e-4, a tenth from epoch 26."""
    stage_one, stage_two = parsed_training(epoch_length=7), parsed_training("finetune", epoch_length=7)
    expected = {"freeze_encoder": True, "iterations": 350, "warmup": 70, "batch_size": 16, "learning_rate": 1e-4}
    assert {key: stage_one.get_parsed_content(key) for key in expected} == expected
    expected |= {"freeze_encoder": False, "warmup": 0}
    assert {key: stage_two.get_parsed_content(key) for key in expected} == expected
    for parser in (stage_one, stage_two):
        assert parser.get_parsed_content("rate_epochs") == 25
        assert parser["loss"]["lambda_hv_mse"] == 2
        assert parser["optimizer"]["_target_"] == "torch.optim.Adam"
        assert parser["adaptation_losses"]["mutual_information"]["weight"] == 1
        assert parser["network_def"]["out_classes"] == "@out_classes"


@pytest.mark.parametrize("overlay", ["quick", "small", "medium"])
def test_overlays_without_weights_freeze_nothing(overlay):
    assert parsed_training(overlay).get_parsed_content("freeze_encoder") is False


@pytest.mark.parametrize(("mode", "sizes"), [("fast", (256, 164)), ("original", (270, 80))])
def test_one_key_chooses_the_mode_of_training(mode, sizes):
    parser = parsed_training(mode=mode)
    assert tuple(parser.get_parsed_content(key) for key in ("window", "output_size")) == sizes
    tiles = parser.get_parsed_content("validate::tiles")
    assert (tiles.window, tiles.output) == sizes
    assert parser["network_def"]["mode"] == "@mode"


@pytest.mark.parametrize(("mode", "window", "output"), [("fast", 256, 164), ("original", 270, 80)])
def test_one_key_chooses_the_mode_of_inference(mode, window, output):
    inferer = parsed_inference(mode=mode).get_parsed_content("inferer")
    assert (inferer.inferer.window, inferer.inferer.output) == (window, output)
    assert (inferer.precision, inferer.channels_last) == ("auto", True)


def test_the_type_branch_is_out_classes():
    assert parsed_inference(out_classes=5).get_parsed_content("network_def").type_prediction is not None


def test_the_real_network_has_the_layer_that_the_handler_names():
    with torch.device("meta"):
        layers = dict(HoVerNet("fast").named_modules())
    training = parsed_training()
    assert training["train"]["handlers"][2]["head"] == "@head"
    head = training["head"]
    assert head == "nucleus_prediction.output_features.decoderblock4.conv"
    assert (layers[head].in_channels, layers[head].out_channels) == (64, 2)
    assert training["head_channels"] == 64
    assert training["adaptation_losses"]["mutual_information"]["channels"] == "@head_channels"
    assert training["bottleneck_channels"] == layers[training["bottleneck"]].conv_bottleneck.out_channels


def test_augmentation_is_hovernets():
    crop, affine, flip, other_flip, one_of, jitter = parsed_training()["transforms"]["augment"]
    assert crop["roi_size"] == "@patch_size"
    assert parsed_training()["patch_size"] == 540
    zooms = sorted(1 / (1 + part) for part in affine["scale_range"][0])
    assert zooms == pytest.approx([0.8, 1.2], abs=1e-3)
    assert affine["scale_range"][0] == affine["scale_range"][1]
    degrees = np.degrees([affine["rotate_range"], np.arctan(affine["shear_range"][0])])
    assert degrees == pytest.approx([179, 5], abs=0.01)
    assert affine["translate_range"] == [5.4, 5.4]
    assert {flip["spatial_axis"], other_flip["spatial_axis"]} == {0, 1}
    assert len(one_of["transforms"]) == 3
    assert jitter["_target_"] == "mani_monai.transforms.RandColourJitterd"


def test_image_and_labels_move_together():
    """An image that is its own label map, through the augmentation without the steps that change colours."""
    compose = Compose(parsed_training().get_parsed_content("transforms::augment")[:4])
    ids = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((200, 200)))[None].astype(np.int32)
    moved = set()
    for seed in range(6):
        compose.set_random_state(seed=seed)
        sample = compose({"image": torch.tensor(np.repeat(ids, 3, axis=0)).byte(), "label": torch.tensor(ids)})
        assert sample["image"].shape == (3, 256, 256)
        assert torch.equal(sample["image"][1].int(), sample["label"][0].int())
        moved.add(float(sample["label"].float().mean()))
    assert len(moved) == 6, "it moves nothing"


@pytest.mark.parametrize("order", [("finetune", "multi_gpu_train"), ("multi_gpu_train", "finetune")])
def test_stage_two_on_several_ranks_starts_from_stage_one_in_any_order(order):
    parser = parsed_training(*order)
    assert {"@start_weights", "@join_ranks", "@prepare_data"} <= set(parser["initialize"])
    assert "load_finished" in parser["start_weights"]
    assert "idist.initialize" in parser["join_ranks"]
    assert "one_rank_only" in parser["prepare_data"]


@pytest.mark.parametrize(("folder", "expected"), [(REPOSITORY, "bundles/mani_hovernet"), (BUNDLE, ".")])
def test_bundle_root_follows_the_folder(folder, expected, monkeypatch):
    monkeypatch.chdir(folder)
    parser = parsed_inference()
    assert parser.get_parsed_content("bundle_root") == expected
    assert parser.get_parsed_content("ckpt") == f"{expected}/models/model.pt"


def test_inference_and_training_have_one_network():
    training, inference = (json.loads((CONFIGS / f"{name}.json").read_text()) for name in ("train", "inference"))
    for key in ("bundle_root", "device", "precision", "channels_last", "mode", "window", "output_size", "out_classes"):
        assert inference[key] == training[key], key
    assert inference["tiles"] == training["validate"]["tiles"]
    own = {**training["network_def"], "_target_": inference["network_def"]["_target_"]}
    del own["freeze_encoder"]
    assert inference["network_def"] == own
