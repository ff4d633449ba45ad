"""Weights of an exported bundle, read as tensors: nothing of the bundle is run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..bundle.archive import file_hash
from ..bundle.formats import write_state
from ..bundle.inspected_archive import archive_findings, unpack
from ..bundle.network_settings import unet_settings
from ..utils import InputError
from ..utils.files import load_tensors

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
    """

    name: str
    weights: Path
    features: tuple[int, ...]
    licence: str
    normalised: bool = False


def take_model(path: str | Path, folder: Path) -> GivenModel:
    """Takes the weights out of an exported bundle of mani_unet.

    Args:
        path: its folder or zip.
        folder: receives ``model.pt``.

    Raises:
        InputError: no such bundle, an archive that is not safe to unpack, or weights that are no U-Net's.
    """
    place = Path(str(path)).expanduser()
    if place.is_dir():
        return _take(place, place, folder)
    if not place.is_file():
        raise InputError(f"{place}: no such file or folder; name a bundle's folder or zip with --model.")
    findings = archive_findings(place)
    if findings:
        first = findings[0]
        raise InputError(f"{place}: {first.place} {first.what}; look at it with scripts/inspect_bundle.py.")
    with tempfile.TemporaryDirectory() as unpacked:
        unpack(place, Path(unpacked))
        found = sorted(Path(unpacked).glob(f"**/{WEIGHTS}"))
        return _take(found[0].parents[1] if found else Path(unpacked), place, folder)


def model_hash(path: str | Path) -> str:
    """What tells a bundle's weights from others: the SHA-256 of the zip, or of the folder's ``model.pt``."""
    place = Path(str(path)).expanduser()
    place = place / WEIGHTS if place.is_dir() else place
    if not place.is_file():
        raise InputError(f"{place}: no such file; name an exported bundle's folder or zip with --model.")
    return file_hash(place)


def _take(bundle: Path, named: Path, folder: Path) -> GivenModel:
    if not (bundle / WEIGHTS).is_file():
        raise InputError(f"{named}: holds no {WEIGHTS}; name the folder or zip that scripts/export_bundle.py wrote.")
    state = load_tensors(bundle / WEIGHTS)
    features = _features(state, named)
    licence = bundle / LICENCE
    terms = " ".join(licence.read_text(encoding="utf-8").split()) if licence.is_file() else "unknown"
    folder.mkdir(parents=True, exist_ok=True)
    write_state(state, folder / "model.pt")
    return GivenModel(
        named.name, folder / "model.pt", features, terms, _normalised(bundle / "configs" / "inference.json")
    )


def _normalised(config: Path) -> bool:
    """Whether an inference's preprocessing has the step; read as text, and no step where it cannot be read."""
    try:
        steps = json.loads(config.read_text(encoding="utf-8"))["preprocessing"]["transforms"]
        return any(str(step["_target_"]).endswith(".NormaliseStainsd") for step in steps)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _features(state: Mapping[str, Tensor], named: Path) -> tuple[int, ...]:
    try:
        return tuple(unet_settings(state)["features"])
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{named}: is no export of mani_unet, which alone is adapted here; name another.") from error
