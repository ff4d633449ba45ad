"""The source model that a user brings: an exported bundle, of which nothing is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mani_monai.apps.adapt.start import NORMALISATION
from mani_monai.apps.export.formats import write_state
from mani_monai.declaration import UNET
from mani_monai.model import Model
from mani_monai.utils import InputError
from mani_monai.utils.hashes import file_hash

WEIGHTS = "models/model.pt"


@dataclass(frozen=True)
class GivenModel:
    """The source model that a user brings.

    Attributes:
        name: of its folder or zip.
        weights: a copy of its state dictionary.
        features: channels of its U-Net.
        licence: what it says of the data that it was trained on, in one line.
        normalised: whether its inference normalises stains.
        mpp: micrometres per pixel of the images that it was trained on; None where it does not say.
        domains: records of the data sets that it was trained on, or of itself.
    """

    name: str
    weights: Path
    features: tuple[int, ...]
    licence: str
    normalised: bool = False
    mpp: float | None = None
    domains: Sequence[Mapping[str, Any]] = ()


def bound_by(model: Model, name: str) -> list[dict[str, Any]]:
    """What binds whatever is trained from a model: the data sets that it names, else its terms as one record.

    Args:
        model: the model.
        name: what to call it where it names none.
    """
    terms = " ".join((model.licence or "unknown").split())
    alone = {"name": name, "role": "start", "licence": terms, "mpp": model.mpp, "types": {}}
    return [dict(domain) for domain in model.domains] or [alone]


def take_model(path: str | Path, folder: Path) -> GivenModel:
    """Takes the weights out of an exported bundle of mani_unet, read as an inference reads it.

    Args:
        path: its folder or zip.
        folder: receives ``model.pt``.

    Raises:
        InputError: no such bundle, one that an inspection refuses, or one that is not mani_unet's export: its inference
            has other steps, or its weights are of another network.
    """
    place = _place(path)
    model = Model.open(place, "cpu", "float32")
    if model.name != UNET:
        raise InputError(f"{place}: is an export of {model.name}; only mani_unet is adapted here: name one of it.")
    folder.mkdir(parents=True, exist_ok=True)
    write_state(model.state, folder / "model.pt")
    terms = " ".join((model.licence or "unknown").split())
    normalised = any(step["_target_"].endswith(NORMALISATION) for step in model.declaration.preprocessing)
    features = tuple(model.declaration.network["features"])
    return GivenModel(
        place.name, folder / "model.pt", features, terms, normalised, model.mpp, bound_by(model, place.name)
    )


def model_hash(path: str | Path) -> str:
    """What tells a bundle's weights from others: the SHA-256 of the zip, or of the folder's ``model.pt``."""
    place = _place(path)
    place = place / WEIGHTS if place.is_dir() else place
    if not place.is_file():
        raise InputError(f"{place}: no such file; name an exported bundle's folder or zip with --model.")
    return file_hash(place)


def _place(path: str | Path) -> Path:
    return Path(str(path)).expanduser()
