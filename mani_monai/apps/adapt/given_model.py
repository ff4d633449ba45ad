"""The source model that a user brings: a bundle, of which nothing is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mani_monai.bundle_files import bundle_within
from mani_monai.declaration import UNET
from mani_monai.model import Model
from mani_monai.utils import InputError
from mani_monai.utils.files import write_state
from mani_monai.utils.folders import file_hash

WEIGHTS = "models/model.pt"


@dataclass(frozen=True)
class GivenModel:
    """The source model that a user brings.

    Attributes:
        name: of its folder or zip.
        model: what it is.
        weights: a copy of its state dictionary.
        domains: records of the data sets that it was trained on, or of itself.
    """

    name: str
    model: Model
    weights: Path
    domains: Sequence[Mapping[str, Any]] = ()

    @property
    def features(self) -> tuple[int, ...]:
        """Channels of its U-Net."""
        return tuple(self.model.declaration.network["features"])


def bound_by(model: Model, name: str) -> list[dict[str, Any]]:
    """What binds whatever is trained from a model: the data sets that it names, else its terms as one record.

    Args:
        model: the model.
        name: what to call it where it names none.
    """
    terms = " ".join((model.licence or "unknown").split())
    alone = {"name": name, "role": "start", "licence": terms, "mpp": model.mpp, "types": {}}
    return [dict(domain) for domain in model.domains] or [alone]


def of_unet(model: Model, path: str | Path) -> Model:
    """A model that a training may start from.

    Args:
        model: what was opened.
        path: its folder or zip.

    Raises:
        InputError: when it is of another network than mani_unet.
    """
    if model.name != UNET:
        raise InputError(f"{path}: is an export of {model.name}; only mani_unet is trained here: name one of it.")
    return model


def take_model(path: str | Path, folder: Path, device: str | None = None) -> GivenModel:
    """Takes the weights out of a bundle of mani_unet, for a training that starts from them.

    Args:
        path: its folder or zip.
        folder: receives ``model.pt``.
        device: where it runs; the GPU by default, where there is one.

    Raises:
        InputError: no such bundle, one that an inspection refuses, or one of another network.
    """
    place = _place(path)
    model = of_unet(Model.open(place, device), place)
    folder.mkdir(parents=True, exist_ok=True)
    write_state(model.state, folder / "model.pt")
    return GivenModel(place.name, model, folder / "model.pt", bound_by(model, place.name))


def model_hash(path: str | Path) -> str:
    """What tells a bundle's weights from others: the SHA-256 of the zip, or of the folder's ``model.pt``."""
    place = _place(path)
    place = place / WEIGHTS if place.is_dir() else place
    if not place.is_file():
        raise InputError(f"{place}: no such file; name an exported bundle's folder or zip with --model.")
    return file_hash(place)


def _place(path: str | Path) -> Path:
    return bundle_within(Path(str(path)).expanduser())
