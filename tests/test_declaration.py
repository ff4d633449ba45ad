"""What a trained network declares of itself: read back as it was written, and refused where it is not known."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from bundle_files import REPOSITORY

from mani_monai import known_components
from mani_monai.declaration import Declaration
from mani_monai.inferers import WholeImageInferer
from mani_monai.utils import InputError

UNET = {"_target_": "BasicUNet", "spatial_dims": 2, "in_channels": 3, "features": [4, 4, 8, 8, 8, 4], "norm": "BATCH"}
HOVERNET = {"_target_": "HoVerNet", "mode": "original", "in_channels": 3, "out_classes": 3, "freeze_encoder": False}
STAINS = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}
PARTING = {"_target_": "mani_monai.transforms.PartNucleid"}
HOVER = {"_target_": "mani_monai.transforms.HoVerNetInstancesd"}
MODEL = {"bundle": "mani_unet", "network": UNET, "parting": PARTING, "window": -1}
TYPED = {"bundle": "mani_hovernet", "network": HOVERNET, "parting": HOVER, "window": 270}
TYPED["class_names"] = ["background", "a", "b"]


def read(**changes) -> Declaration:
    return Declaration.from_metadata({"model": {**MODEL, **changes}})


@pytest.mark.parametrize("bundle", ["mani_unet", "mani_hovernet"])
def test_a_bundle_declares_the_network_of_its_training(bundle):
    configs = REPOSITORY / "bundles" / bundle / "configs"
    training = json.loads((configs / "train.json").read_text())
    declared = Declaration.from_metadata(json.loads((configs / "metadata.json").read_text()))
    network = training["network_def"]
    resolved = {name: training[name] if value == f"@{name}" else value for name, value in network.items()}
    assert dict(declared.network) == resolved
    assert declared.bundle == bundle
    assert declared.build_network().state_dict().keys()


def test_a_declaration_is_read_back_from_json():
    for model in ({**MODEL, "preprocessing": [STAINS], "mpp": 0.5}, TYPED):
        declared = Declaration.from_metadata({"model": model})
        assert Declaration.from_metadata({"model": json.loads(json.dumps(declared.as_dict()))}) == declared
    assert read(preprocessing=[STAINS]).as_dict()["preprocessing"] == [STAINS]


def test_a_calibration_is_of_the_weights_that_were_calibrated():
    declared = read(parting={**PARTING, "min_size": 30, "temperature": 1.5, "bias": -1.0})
    assert declared.of_weights("model.pt") == declared
    assert declared.of_weights("model_average.pt") == read(parting={**PARTING, "min_size": 30})
    assert declared.uncalibrated() == read(parting={**PARTING, "min_size": 30})
    assert declared.calibrated({"temperature": 2.0}) == read(parting={**PARTING, "min_size": 30, "temperature": 2.0})


def test_the_deployed_network_has_one_tensor_and_nothing_of_the_training():
    declared = Declaration.from_metadata({"model": TYPED})
    target = "mani_monai.networks.nets.ConcatHoVerNet"
    assert declared.deployed == {"_target_": target, "mode": "original", "in_channels": 3, "out_classes": 3}
    assert (declared.output, read().output) == (80, None)
    assert type(declared.build_network()).__name__ == "ConcatHoVerNet"
    assert read().deployed == UNET


def test_steps_are_built_with_their_arguments():
    blur = {"_target_": "GaussianSmoothd", "keys": ["image"], "sigma": 2.0, "_desc_": "why"}
    stains, smooth = read(preprocessing=[{**STAINS, "white": 7}, blur]).build_preprocessing()
    assert stains.white == 7
    assert smooth.converter.sigma == 2.0
    with pytest.raises(InputError, match="NormaliseStainsd: white must be > 0"):
        read(preprocessing=[{**STAINS, "white": -1}]).build_preprocessing()
    with pytest.raises(InputError, match=r"GaussianSmoothd: .*unexpected keyword argument 'radius'"):
        read(preprocessing=[{**blur, "radius": 1}]).build_preprocessing()


def test_what_runs_the_network():
    inferer = read().build_inferer("bfloat16")
    assert (inferer.precision, inferer.channels_last) == ("bfloat16", True)
    assert isinstance(inferer.inferer, WholeImageInferer)
    assert isinstance(read(window=64).build_inferer().inferer, WholeImageInferer), "windows are of MONAI's inference"
    for network in ({**UNET, "norm": "instance"}, {name: value for name, value in UNET.items() if name != "norm"}):
        inferer = read(window=64, network=network).build_inferer()
        assert (inferer.channels_last, inferer.inferer.roi_size) == (True, (64, 64)), "what it is shown is measured"
    inferer = Declaration.from_metadata({"model": TYPED}).build_inferer()
    assert (inferer.precision, inferer.channels_last) == ("float32", True)
    assert (inferer.inferer.window, inferer.inferer.output) == (270, 80)


def test_what_a_training_changes():
    changed = read().trained(network={**UNET, "features": [8] * 6}, window=64, mpp=0.5, preprocessing=[STAINS])
    assert changed.network["features"] == [8] * 6
    assert (changed.window, changed.mpp, changed.preprocessing) == (64, 0.5, (STAINS,))
    assert read().network["features"] == UNET["features"]


def test_a_partings_keys_are_no_part_of_it():
    parting = {"_target_": "mani_monai.transforms.HoVerNetInstancesd", "min_size": 5}
    declared = Declaration.from_metadata({"model": {**TYPED, "parting": {**parting, "keys": "x", "table_key": None}}})
    assert dict(declared.parting) == parting
    assert declared.build_parting().keys == ("pred",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bundle": "spleen"}, "bundle: is 'spleen'; this project knows mani_unet and mani_hovernet"),
        ({"network": {"_target_": "UNETR"}}, "network: 'UNETR' is not known here"),
        ({"network": "BasicUNet"}, "network: None is not known here"),
        ({"network": {**UNET, "features": [4] * 5}}, "features are .*write six whole numbers"),
        ({"network": {**UNET, "features": [10**9] * 6}}, "features are .*write six whole numbers"),
        ({"network": {**UNET, "in_channels": 4}}, "in_channels is 4; an RGB image needs 3"),
        ({"network": {**UNET, "pretrained_url": "x"}}, "BasicUNet has no argument 'pretrained_url' here"),
        ({"network": {**HOVERNET, "pretrained_url": "x"}}, "HoVerNet has no argument 'pretrained_url' here"),
        ({"network": {**HOVERNET, "mode": "slow"}}, "mode is 'slow'; choose fast or original"),
        ({"network": {**UNET, "act": "$exit()"}}, "act of BasicUNet is no plain value"),
        ({"network": {**UNET, "_requires_": []}}, "_requires_ of BasicUNet is no plain value"),
        ({"axes": "xy"}, "axes: are 'xy'"),
        ({"window": 8}, "window: is 8; write pixels"),
        ({"window": True}, "window: is True"),
        ({"mpp": 353}, "mpp 353: write micrometres per pixel"),
        ({"preprocessing": "stains"}, "preprocessing: is no list"),
        ({"preprocessing": [{"_target_": "os.system", "keys": "image"}]}, "'os.system' is not known here"),
        ({"preprocessing": [{**STAINS, "keys": "label"}]}, "must have the keys 'image'"),
        ({"preprocessing": [{**STAINS, "white": {"_target_": "x"}}]}, "white of .* is no plain value"),
        ({"preprocessing": [{**STAINS, "white": float("nan")}]}, "white of .* is no plain value"),
        ({"parting": {"_target_": "RandFlipd"}}, "parting: 'RandFlipd' is not known here"),
        ({"more": 1}, "has an unknown entry 'more'"),
    ],
)
def test_what_is_not_known_is_refused(changes, message):
    with pytest.raises(InputError, match=f"^configs/metadata.json: .*{message}") as refusal:
        read(**changes)
    assert "\n" not in str(refusal.value)


def test_metadata_without_a_declaration_are_refused():
    with pytest.raises(InputError, match=r"x\.json: its key 'model' is missing"):
        Declaration.from_metadata({}, "x.json")
    with pytest.raises(InputError, match="lacks 'window'"):
        Declaration.from_metadata({"model": {"bundle": "mani_unet", "network": UNET, "parting": PARTING}})
    with pytest.raises(InputError, match="are not 3 names"):
        Declaration.from_metadata({"model": {**TYPED, "class_names": ["a"]}})


def test_reading_one_imports_neither_torch_nor_monai():
    code = "import sys, mani_monai.declaration; print([n for n in ('torch', 'monai', 'skimage') if n in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert finished.stdout.strip() == "[]"


def test_a_step_is_added_by_one_name(monkeypatch):
    step = {"_target_": "AdjustContrastd", "keys": "image", "gamma": 2.0}
    with pytest.raises(InputError, match="'AdjustContrastd' is not known here"):
        read(preprocessing=[step])
    monkeypatch.setattr(known_components, "STEPS", {*known_components.STEPS, "AdjustContrastd"})
    assert read(preprocessing=[step]).build_preprocessing()[0].adjuster.gamma == 2.0


def test_a_unet_has_two_channels_or_three():
    for channels in (2, 3):
        network = read(network={**UNET, "out_channels": channels}).build_network().eval()
        assert network(torch.zeros(1, 3, 16, 16)).shape == (1, channels, 16, 16)
    with pytest.raises(InputError, match=r"network: out_channels are 4; write 2, or 3 with a contour or a distance\."):
        read(network={**UNET, "out_channels": 4})


@pytest.mark.parametrize(
    ("parting", "channels", "third"),
    [({}, 2, None), ({}, 3, "contour"), ({"third": "contour"}, 3, "contour"), ({"third": "distance"}, 3, "distance")],
)
def test_what_a_third_channel_tells(parting, channels, third):
    declared = read(network={**UNET, "out_channels": channels}, parting={**PARTING, **parting})
    assert declared.third == third
    assert declared.further_channels == ((third,) if third else ())
    assert declared.build_parting().third == (third or "contour")


def test_types_are_further_channels():
    network = {**HOVERNET, "out_classes": 2}
    typed = Declaration.from_metadata({"model": {**TYPED, "network": network, "class_names": ["background", "b"]}})
    assert typed.further_channels == ("type: background", "type: b")
    nameless = Declaration.from_metadata({"model": {**TYPED, "network": network, "class_names": None}})
    assert nameless.further_channels == ("type: 0", "type: 1")
    assert (typed.third, read().third) == (None, None)


def test_a_third_channel_that_is_not_known_is_refused():
    declared = read(network={**UNET, "out_channels": 3}, parting={**PARTING, "third": "offset"})
    with pytest.raises(InputError, match=r"PartNucleid: third must be contour or distance, got 'offset'\."):
        declared.build_parting()
