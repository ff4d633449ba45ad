"""A bundle's metadata as its export has them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mani_monai.run.network_format import with_channels
from mani_monai.utils import InputError


def exported_metadata(
    metadata: Mapping[str, Any],
    version: str,
    change: str,
    input_sides: Sequence[int],
    output: Tensor,
    class_names: Sequence[str] | None,
    added: Mapping[str, Any],
) -> dict[str, Any]:
    """``metadata.json`` of an export.

    Args:
        metadata: the bundle's own.
        version: the export's.
        change: what is new in it.
        input_sides: height and width that the network takes, where the metadata name numbers.
        output: what it gives for such an input, BCHW.
        class_names: types whose logits follow the other channels, background first; without types, a contour does.
        added: further entries.

    Returns:
        a new dictionary, whose formats are those of this very network.
    """
    described = with_channels(metadata, output.shape[1], class_names)
    formats = described["network_data_format"]
    image, pred = formats["inputs"]["image"], formats["outputs"]["pred"]
    if all(isinstance(side, int) for side in image["spatial_shape"]):
        image["spatial_shape"], pred["spatial_shape"] = list(input_sides), list(output.shape[2:])
    changelog = {**metadata["changelog"], version: change}
    return {**described, "version": version, "changelog": changelog, **added}


def check_version(version: str) -> str:
    """The version itself.

    Raises:
        InputError: when it is not of the form 1.2.3.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", str(version)):
        raise InputError(f"--version {version}: write three numbers, e.g. 1.0.0.")
    return str(version)
