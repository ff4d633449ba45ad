"""Training that starts from given weights: an overlay, and what it calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from mani_monai.utils.files import load_network
from mani_monai.utils.json_files import save_json
from mani_monai.utils.whole_tensors import load_whole

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

    from mani_monai.apps.adapt.given_model import GivenModel
    from mani_monai.declaration import Declaration


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
    load_network(network, load_whole(path), path)
    return network


def declared_steps(configs: ConfigParser) -> list[dict[str, Any]]:
    """What a training's configs do to every image before it is scaled, without remarks."""
    return [{name: value for name, value in step.items() if name != "_desc_"} for step in configs.get("preprocessing")]


def choose_start(given: GivenModel, features: tuple[int, ...], steps: Sequence[Mapping[str, Any]], path: Path) -> Start:
    """Whether a training starts from a given model: where its U-Net is the one that trains.

    Its weights go on with the preprocessing that they were trained with under every method that names none: without it
    they would unlearn it. A method's own preprocessing is part of the method.

    Args:
        given: the model.
        features: channels of the U-Net that trains.
        steps: the preprocessing of the method's own configs.
        path: the overlay to write.
    """
    if features != given.features:
        channels = f"its U-Net has {given.features} channels and the one that was trained {features}"
        return Start(
            (), f"Before is {given.name}. The training did not start from it but from new weights: {channels}."
        )
    own = [dict(step) for step in given.model.declaration.preprocessing]
    settings = start_settings(given.weights, given.domains)
    note = f"Before is {given.name}, and the training started from its weights."
    if own and not steps:
        settings["preprocessing"] = own
        note += f" They were trained on images after {_names(own)}, so all images went through it here, too."
    elif own != steps:
        before = f"images after {_names(own)}" if own else "images as they are"
        note += f" They were trained on {before}, and went on with images after {_names(steps)}, a part of the method."
    save_json(path, settings)
    return Start((*head_of(given.model.declaration), str(path.absolute())), note)


def head_of(declaration: Declaration) -> tuple[str, ...]:
    """The overlay of a U-Net with a third channel, so that a training from its weights has it, and learns the same."""
    return () if declaration.third is None else (f"{declaration.third}.json",)


def _names(steps: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(str(step["_target_"]).rpartition(".")[2] for step in steps)


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
