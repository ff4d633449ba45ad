"""What ``metadata.json`` says of a network's answer."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any


def with_channels(
    metadata: Mapping[str, Any], channels: int, class_names: Sequence[str] | None = None
) -> dict[str, Any]:
    """A bundle's metadata for a network that gives as many channels.

    Args:
        metadata: the bundle's own, which name the first channels.
        channels: of the network's answer.
        class_names: types whose logits follow, background first; without types, a contour does.

    Returns:
        a new dictionary.
    """
    formats = copy.deepcopy(metadata["network_data_format"])
    pred = formats["outputs"]["pred"]
    named, pred["num_channels"] = pred["num_channels"], channels
    for channel in range(named, channels):
        added = f"type: {class_names[channel - named]}" if class_names is not None else "contour"
        pred["channel_def"][str(channel)] = added
    return {**metadata, "network_data_format": formats}
