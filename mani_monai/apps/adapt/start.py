"""Training that starts from given weights: an overlay, and what it calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from mani_monai.utils.files import load_network, load_tensors
from mani_monai.utils.json_files import save_json

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

    from mani_monai.apps.adapt.given_model import GivenModel

NORMALISATION = "NormaliseStainsd"
NORMALISED = "stain_normalisation.json"
"""The bundle's overlay of a training on normalised stains."""


@dataclass(frozen=True)
class Start:
    """What a training begins with where a model was given.

    Attributes:
        overlays: configs on top of the method's; none where it begins with new weights.
        note: what a reader has to know.
    """

    overlays: tuple[str, ...]
    note: str


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


def normalises_stains(configs: ConfigParser) -> bool:
    """Whether a training's configs normalise the stains of all its images."""
    steps = [step for step in configs.get("preprocessing") if isinstance(step, dict)]
    return any(str(step.get("_target_")).rpartition(".")[2] == NORMALISATION for step in steps)


def choose_start(given: GivenModel, features: tuple[int, ...], normalises: bool, path: Path) -> Start:
    """Whether a training starts from a given model: where its U-Net is the one that trains.

    Weights that were trained on normalised stains go on with them under every method: on images as they are, they would
    unlearn them. Weights that were trained on images as they are go on with what the method shows them.

    Args:
        given: the model.
        features: channels of the U-Net that trains.
        normalises: whether the method's own configs normalise stains.
        path: the overlay to write.
    """
    if features != given.features:
        channels = f"its U-Net has {given.features} channels and the one that was trained {features}"
        return Start(
            (), f"Before is {given.name}. The training did not start from it but from new weights: {channels}."
        )
    overlays = (str(write_start(given.weights, path, given.domains)),)
    note = f"Before is {given.name}, and the training started from its weights."
    if given.normalised and not normalises:
        overlays = (NORMALISED, *overlays)
        note += " They were trained on normalised stains, so stains were normalised here, too, which is no part of the"
        note += " method: the adapted model needs it, and its export does it."
    elif normalises and not given.normalised:
        note += " They were trained on stains as they are, and here went on with normalised ones, which are part of the"
        note += " method: the adapted model needs them, and its export normalises."
    return Start(overlays, note)


def start_settings(weights: Path, domains: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What an overlay says to make a training of mani_unet start from weights.

    Args:
        weights: a state dictionary.
        domains: the data sets that they were trained on, whose licences bind what comes of them.
    """
    return {
        "+imports": ["$from mani_monai.apps.adapt.start import started_from"],
        "start_weights": str(weights.absolute()),
        "earlier_domains": [dict(domain) for domain in domains],
        "network": "$started_from(@network_def, @start_weights).to(@device)",
    }


def write_start(weights: Path, path: Path, domains: Sequence[Mapping[str, Any]] = ()) -> Path:
    """Writes the overlay that makes a training of mani_unet start from weights.

    Args:
        weights: a state dictionary.
        path: the overlay.
        domains: as in :func:`start_settings`.

    Returns:
        its absolute path.
    """
    save_json(path, start_settings(weights, domains))
    return path.absolute()
