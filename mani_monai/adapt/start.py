"""Training that starts from given weights: an overlay, and what it calls."""

from __future__ import annotations

import json
from pathlib import Path

from torch import nn

from ..data.writers.atomic import replacing
from ..utils.files import load_network, load_tensors
from .given_model import GivenModel


def started_from(network: nn.Module, path: str) -> nn.Module:
    """The network with the weights of a file, for a config's ``network``: whatever copies it copies these.

    Args:
        network: the network.
        path: its state dictionary.

    Raises:
        InputError: when the file is missing, or holds another network.
    """
    load_network(network, load_tensors(path), path)
    return network


def choose_start(given: GivenModel, features: tuple[int, ...], path: Path) -> tuple[Path | None, str]:
    """Whether a training starts from a given model: where its U-Net is the one that trains.

    Args:
        given: the model.
        features: channels of the U-Net that trains.
        path: the overlay to write.

    Returns:
        the overlay, None where training starts anew; what a reader has to know.
    """
    if features == given.features:
        note = f"Before is {given.name}, and the training started from its weights."
        return write_start(given.weights, path), note
    channels = f"its U-Net has {given.features} channels and the one that was trained {features}"
    return None, f"Before is {given.name}. The training did not start from it but from new weights: {channels}."


def write_start(weights: Path, path: Path) -> Path:
    """Writes the overlay that makes a training of mani_unet start from weights.

    Args:
        weights: a state dictionary.
        path: the overlay.

    Returns:
        its absolute path.
    """
    overlay = {
        "+imports": ["$from mani_monai.adapt.start import started_from"],
        "start_weights": str(weights.absolute()),
        "network": "$started_from(@network_def, @start_weights).to(@device)",
    }
    with replacing(path) as partial:
        partial.write_text(json.dumps(overlay, indent=1) + "\n", encoding="utf-8")
    return path.absolute()
