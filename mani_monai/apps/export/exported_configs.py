"""A bundle's configs as its export has them: settled values in place of choices, and nothing of this project named."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from torch import Tensor, nn

from mani_monai.apps.export.carried_modules import renamed
from mani_monai.config_index import find_config
from mani_monai.utils import InputError

ALONE = {"bundle_root": ".", "dataset_dir": "$@bundle_root + '/images'"}  # an export knows no repository around it


def exported_inference(text: str, settings: Mapping[str, Any]) -> str:
    """The text of ``inference.json`` with values written into it and its project modules under their names there.

    Args:
        text: the bundle's own.
        settings: values by top-level key; each key stands on a line of its own in the text.

    Raises:
        ValueError: when the text has no such key.
    """
    for key, value in {**ALONE, **settings}.items():
        line = re.compile(rf'^(    "{re.escape(key)}": ).*?(,?)$', re.M)
        shown = json.dumps(value)
        text, found = line.subn(lambda match, shown=shown: match[1] + shown + match[2], text)
        if found != 1:
            raise ValueError(f"settings must be keys of inference.json, got {key!r}.")
    json.loads(text)
    return renamed(text)


def with_normalised_stains(text: str, overlay: str) -> str:
    """The text of ``inference.json`` with the steps of ``stain_normalisation_inference.json`` in it.

    Args:
        text: the bundle's own.
        overlay: the text of the overlay.

    Raises:
        ValueError: when the preprocessing does not end as is known.
    """
    last = '            {"_target_": "EnsureTyped", "keys": "image", "dtype": "float32"}\n'
    if text.count(last) != 1:
        raise ValueError("the preprocessing of inference.json must end with EnsureTyped.")
    steps = [json.dumps(step) for step in json.loads(overlay)["+preprocessing::transforms"]]
    return text.replace(last, ",\n".join([last.rstrip("\n"), *(f"            {step}" for step in steps)]) + "\n")


def make_network(config: str, settings: Mapping[str, Any]) -> nn.Module:
    """The network that ``inference.json`` defines.

    Args:
        config: its path.
        settings: values that replace its own.
    """
    return _parser(config, settings).get_parsed_content("network_def")


def value_of(config: str, settings: Mapping[str, Any], name: str) -> Any:
    """A value of ``inference.json``, resolved."""
    return _parser(config, settings).get_parsed_content(name)


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
        class_names: types whose logits follow the other channels, background first.
        added: further entries.

    Returns:
        a new dictionary, whose formats are those of this very network.
    """
    formats = json.loads(json.dumps(metadata["network_data_format"]))
    image, pred = formats["inputs"]["image"], formats["outputs"]["pred"]
    if all(isinstance(side, int) for side in image["spatial_shape"]):
        image["spatial_shape"], pred["spatial_shape"] = list(input_sides), list(output.shape[2:])
    named = pred["num_channels"]
    pred["num_channels"] = output.shape[1]
    for channel in range(named, output.shape[1]):
        number = channel - named
        kind = class_names[number] if class_names is not None else f"type {number}"
        pred["channel_def"][str(channel)] = f"type: {kind}"
    changelog = {**metadata["changelog"], version: change}
    return {**metadata, "version": version, "changelog": changelog, **added, "network_data_format": formats}


def check_version(version: str) -> str:
    """The version itself.

    Raises:
        InputError: when it is not of the form 1.2.3.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", str(version)):
        raise InputError(f"--version {version}: write three numbers, e.g. 1.0.0.")
    return str(version)


def read_overlays(bundle: Path, names: Sequence[str]) -> dict[str, Any]:
    """Top-level values of a bundle's overlays, later ones last.

    Raises:
        InputError: when an overlay does not exist.
    """
    values: dict[str, Any] = {}
    for name in names:
        values |= json.loads(find_config(bundle, name).read_text(encoding="utf-8"))
    return values


def _parser(config: str, settings: Mapping[str, Any]) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config(config)
    parser.update(dict(settings))
    return parser
