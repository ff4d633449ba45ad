"""``inference.json`` is generated: the bundles' own is what their metadata give, and every declaration shows in it."""

from __future__ import annotations

import json
import shutil

import pytest
from bundle_files import REPOSITORY
from monai.bundle import ConfigParser

from mani_monai.declaration import COLUMNS, Declaration
from mani_monai.inference_config import inference_config, write_inference_config

BUNDLES = ["mani_unet", "mani_hovernet"]
STAINS = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}


def declared(bundle: str) -> Declaration:
    metadata = json.loads((REPOSITORY / "bundles" / bundle / "configs" / "metadata.json").read_text())
    return Declaration.from_metadata(metadata)


def transforms(config: dict, key: str = "preprocessing") -> list[dict]:
    return config[key]["transforms"]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_bundles_own_is_generated(bundle, tmp_path):
    configs = REPOSITORY / "bundles" / bundle / "configs"
    shutil.copytree(configs, tmp_path / "configs")
    (tmp_path / "configs" / "inference.json").unlink()
    written = write_inference_config(tmp_path)
    again = "run python -m mani_monai.inference_config bundles/mani_unet bundles/mani_hovernet"
    assert written.read_text() == (configs / "inference.json").read_text(), again


@pytest.mark.parametrize("bundle", BUNDLES)
def test_steps_stand_between_decoding_and_scaling(bundle):
    blur = {"_target_": "GaussianSmoothd", "keys": "image", "sigma": 2.0}
    config = inference_config(declared(bundle).trained(preprocessing=[STAINS, blur]), "/runs/x")
    names = [step["_target_"] for step in transforms(config)]
    assert names == [
        "mani_monai.data.readers.LoadTissued",
        "EnsureChannelFirstd",
        STAINS["_target_"],
        "GaussianSmoothd",
        *names[-2:],
    ]
    assert names[-2:] == ["ScaleIntensityRanged", "EnsureTyped"]
    assert config["bundle_root"] == "/runs/x"
    assert transforms(config)[2:4] == [STAINS, blur]


def test_columns_first_is_for_older_exports_alone():
    with pytest.raises(ValueError, match="axes must be rows_columns"):
        inference_config(declared("mani_unet").trained(axes=COLUMNS), ".")


def test_settings_of_the_network_stand_at_the_top():
    unet = declared("mani_unet")
    config = inference_config(unet.trained(network={**unet.network, "features": [4] * 6}, window=-1), ".")
    parser = ConfigParser(json.loads(json.dumps(config)))
    network = parser.get_parsed_content("network_def")
    assert [len(weights) for name, weights in network.named_parameters() if name == "conv_0.conv_0.conv.bias"] == [4]
    assert (config["features"], config["window"]) == ([4] * 6, -1)
    hovernet = declared("mani_hovernet")
    network = {**hovernet.network, "mode": "original", "out_classes": 2}
    config = inference_config(hovernet.trained(network=network, class_names=["background", "a"]), ".")
    parser = ConfigParser(json.loads(json.dumps(config)))
    assert [parser.get_parsed_content(name) for name in ("window", "output_size")] == [270, 80]
    assert (config["out_classes"], config["class_names"]) == (2, ["background", "a"])


def test_the_constants_of_the_parting_are_written():
    parting = {"_target_": "mani_monai.transforms.HoVerNetInstancesd", "min_size": 5}
    config = inference_config(declared("mani_hovernet").trained(parting=parting), ".")
    assert transforms(config, "postprocessing")[0]["_target_"] == "mani_monai.transforms.BackgroundOffTissued"
    assert transforms(config, "postprocessing")[1] == {
        **parting, "keys": "pred", "table_key": "nuclei", "largest_hole": 64,
    }  # fmt: skip


@pytest.mark.parametrize("bundle", ["mani_unet", "mani_hovernet"])
def test_the_smallest_nucleus_is_the_same_in_square_micrometres(bundle):
    for mpp, pixels in ((None, 48), (0.25, 48), (0.5, 12)):
        config = inference_config(declared(bundle).trained(mpp=mpp), ".")
        assert transforms(config, "postprocessing")[1]["min_size"] == pixels
