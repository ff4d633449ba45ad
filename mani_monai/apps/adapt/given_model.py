"""The source model that a user brings: an exported bundle, of which nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mani_monai.apps.export.formats import write_state
from mani_monai.apps.export.network_settings import unet_settings
from mani_monai.apps.infer.known_pipelines import UNET
from mani_monai.apps.infer.opened_bundle import opened_bundle
from mani_monai.apps.infer.served_model import read_model
from mani_monai.utils import InputError
from mani_monai.utils.hashes import file_hash

WEIGHTS = "models/model.pt"
LICENCE = "docs/data_license.txt"


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
    """

    name: str
    weights: Path
    features: tuple[int, ...]
    licence: str
    normalised: bool = False
    mpp: float | None = None


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
    with opened_bundle(place) as bundle:
        model = read_model(bundle, "float32", "cpu")
        if model.name != UNET:
            raise InputError(f"{place}: is an export of {model.name}; only mani_unet is adapted here: name one of it.")
        licence = bundle / LICENCE
        terms = licence.read_text(encoding="utf-8", errors="replace") if licence.is_file() else "unknown"
    state = model.segmenter.network.state_dict()
    folder.mkdir(parents=True, exist_ok=True)
    write_state(state, folder / "model.pt")
    features = tuple(unet_settings(state)["features"])
    said = (" ".join(terms.split()), model.segmenter.normalised, model.um)
    return GivenModel(place.name, folder / "model.pt", features, *said)


def model_hash(path: str | Path) -> str:
    """What tells a bundle's weights from others: the SHA-256 of the zip, or of the folder's ``model.pt``."""
    place = _place(path)
    place = place / WEIGHTS if place.is_dir() else place
    if not place.is_file():
        raise InputError(f"{place}: no such file; name an exported bundle's folder or zip with --model.")
    return file_hash(place)


def _place(path: str | Path) -> Path:
    return Path(str(path)).expanduser()
