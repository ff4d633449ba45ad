"""Metadata name every channel of a network's answer, and leave the bundle's own as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mani_monai.inference_config import with_channels

BUNDLES = Path(__file__).parents[2] / "bundles"


@pytest.mark.parametrize(
    ("bundle", "channels", "names", "last"),
    [
        ("mani_unet", 2, [], "nuclei"),
        ("mani_unet", 3, ["distance"], "distance"),
        ("mani_hovernet", 6, ["type: background", "type: lymphocyte"], "type: lymphocyte"),
    ],
)
def test_every_channel_has_a_name(bundle, channels, names, last):
    metadata = json.loads((BUNDLES / bundle / "configs" / "metadata.json").read_text())
    before = json.dumps(metadata)
    pred = with_channels(metadata, channels, names)["network_data_format"]["outputs"]["pred"]
    assert pred["num_channels"] == channels == len(pred["channel_def"])
    assert pred["channel_def"][str(channels - 1)] == last
    assert json.dumps(metadata) == before
    run = with_channels(metadata, channels, names)
    assert with_channels(run, channels, names) == run, "those of a run have their names already"
