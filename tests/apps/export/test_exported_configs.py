"""Metadata of an export follow its network."""

from __future__ import annotations

import json

import torch
from bundle_files import REPOSITORY

from mani_monai.apps.export.exported_configs import exported_metadata


def test_metadata_follow_the_network():
    metadata = json.loads((REPOSITORY / "bundles" / "mani_hovernet" / "configs" / "metadata.json").read_text())
    output = torch.zeros(1, 7, 80, 80)
    found = exported_metadata(metadata, "2.0.0", "typed", (270, 270), output, ["background", "a", "b"], {"x": 1})
    image, pred = found["network_data_format"]["inputs"]["image"], found["network_data_format"]["outputs"]["pred"]
    assert (image["spatial_shape"], pred["spatial_shape"], pred["num_channels"]) == ([270, 270], [80, 80], 7)
    assert list(pred["channel_def"].values())[3:] == ["vertical offset", "type: background", "type: a", "type: b"]
    assert metadata["network_data_format"]["outputs"]["pred"]["num_channels"] == 4, "the bundle's own was changed"
    assert found["x"] == 1


def test_metadata_name_the_contour():
    metadata = json.loads((REPOSITORY / "bundles" / "mani_unet" / "configs" / "metadata.json").read_text())
    found = exported_metadata(metadata, "2.0.0", "contours", (16, 16), torch.zeros(1, 3, 16, 16), None, {})
    pred = found["network_data_format"]["outputs"]["pred"]
    assert (pred["num_channels"], pred["channel_def"]["2"]) == (3, "contour")
