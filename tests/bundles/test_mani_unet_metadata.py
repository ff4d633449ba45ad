"""The U-Net bundle's metadata: its schema, its claims, and the networks and workflows that have to fit it."""

from __future__ import annotations

import json

import pytest
from bundle_files import REPOSITORY, SCHEMA, named_versions, pinned_versions, read_json
from monai.bundle import ConfigWorkflow, verify_metadata, verify_net_in_out
from unet_inference import FEATURES, make_inference

BUNDLE = REPOSITORY / "bundles" / "mani_unet"
CONFIGS = BUNDLE / "configs"
METADATA = CONFIGS / "metadata.json"


def test_metadata_follows_the_schema(monkeypatch):
    def no_network(*args, **kwargs):
        raise AssertionError("a download was tried")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setattr("urllib.request.urlretrieve", no_network)
    verify_metadata(meta_file=str(METADATA), filepath=str(SCHEMA))


def test_the_schema_refuses_metadata_without_a_task(tmp_path):
    broken = read_json(METADATA)
    del broken["task"]
    (tmp_path / "metadata.json").write_text(json.dumps(broken))
    with pytest.raises(ValueError, match="'task' is a required property"):
        verify_metadata(meta_file=str(tmp_path / "metadata.json"), filepath=str(SCHEMA))


def test_metadata_by_hand():
    metadata = read_json(METADATA)
    for key in ("version", "changelog", "task", "description", "authors", "copyright", "intended_use", "references"):
        assert metadata[key], key
    assert metadata["version"] in metadata["changelog"]
    assert "eval_metrics" not in metadata, "only measured figures may stand here"
    assert any("MaNi" in reference for reference in metadata["references"])
    image = metadata["network_data_format"]["inputs"]["image"]
    pred = metadata["network_data_format"]["outputs"]["pred"]
    assert list(metadata["network_data_format"]["inputs"]) == ["image"]
    assert (image["num_channels"], image["dtype"], image["value_range"]) == (3, "float32", [0, 1])
    assert image["spatial_shape"] == ["16*n", "16*n"]
    assert (pred["num_channels"], pred["channel_def"]) == (2, {"0": "background", "1": "nuclei"})


def test_metadata_names_the_versions_of_the_requirements():
    metadata = read_json(METADATA)
    named, pins = named_versions(metadata), pinned_versions()
    assert named == {package: pins[package] for package in named}
    assert f'\nversion = "{metadata["version"]}"' in (REPOSITORY / "pyproject.toml").read_text()


@pytest.mark.parametrize("config", ["train", "inference"])
def test_network_fits_its_metadata(config):
    verify_net_in_out(
        net_id="network_def",
        meta_file=str(METADATA),
        config_file=str(CONFIGS / f"{config}.json"),
        device="cpu",
        features=FEATURES,
    )


def test_paper_sized_network_fits_its_metadata():
    verify_net_in_out(
        net_id="network_def", meta_file=str(METADATA), config_file=str(CONFIGS / "inference.json"), device="cpu"
    )


def test_training_has_the_required_properties(tiny, tmp_path):
    workflow = ConfigWorkflow(
        config_file=str(CONFIGS / "train.json"),
        meta_file=str(METADATA),
        logging_file=False,
        workflow_type="train",
        output_dir=str(tmp_path),
        **tiny,
    )
    workflow.initialize()
    assert workflow.check_properties() == []
    assert workflow.version == read_json(METADATA)["version"]


def test_inference_has_the_required_properties_without_images_or_weights(tmp_path):
    workflow = make_inference(dataset_dir=str(tmp_path), ckpt=str(tmp_path / "nothing.pt"))
    assert workflow.check_properties() == []
    assert workflow.channel_def == {"0": "background", "1": "nuclei"}
