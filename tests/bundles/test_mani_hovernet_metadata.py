"""The HoVer-Net bundle's metadata: its schema, its claims, and the workflow that has to fit it."""

from __future__ import annotations

import json

import pytest
from bundle_files import REPOSITORY, SCHEMA, named_versions, pinned_versions
from monai.bundle import verify_metadata, verify_net_in_out
from painted_hovernet import make_inference

BUNDLE = REPOSITORY / "bundles" / "mani_hovernet"
CONFIGS = BUNDLE / "configs"
METADATA = CONFIGS / "metadata.json"


def test_metadata_follows_the_schema():
    verify_metadata(meta_file=str(METADATA), filepath=str(SCHEMA))


def test_metadata_by_hand():
    metadata = json.loads(METADATA.read_text())
    assert metadata["version"] in metadata["changelog"]
    assert "eval_metrics" not in metadata, "only measured figures may stand here"
    formats = metadata["network_data_format"]
    image, pred = formats["inputs"]["image"], formats["outputs"]["pred"]
    assert (image["num_channels"], image["spatial_shape"], image["value_range"]) == (3, [256, 256], [0, 1])
    assert (pred["num_channels"], pred["spatial_shape"]) == (4, [164, 164])
    assert list(pred["channel_def"].values()) == ["background", "nuclei", "horizontal offset", "vertical offset"]
    named, pins = named_versions(metadata), pinned_versions()
    assert named == {package: pins[package] for package in named}


def test_inference_has_the_required_properties_without_images_or_weights(tmp_path):
    workflow = make_inference(dataset_dir=str(tmp_path), ckpt=str(tmp_path / "nothing.pt"))
    assert workflow.check_properties() == []
    assert list(workflow.channel_def.values()) == ["background", "nuclei", "horizontal offset", "vertical offset"]


@pytest.mark.slow
def test_the_network_fits_its_metadata():
    verify_net_in_out(
        net_id="network_def", meta_file=str(METADATA), config_file=str(CONFIGS / "inference.json"), device="cpu"
    )


def test_licence_and_weights_are_explained():
    assert (BUNDLE / "LICENSE").read_text() == (REPOSITORY / "LICENSE").read_text()
    assert "model.pt" in (BUNDLE / "models" / "README.md").read_text()
