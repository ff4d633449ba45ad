"""The bundles that a server offers: found, inspected, read once, and never executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mani_monai.declaration import HOVERNET, UNET
from mani_monai.model import Model
from mani_monai.utils import InputError

PRECISION = {UNET: "float32", HOVERNET: "auto"}
"""What each bundle's ``inference.json`` computes in, so that the server's answers are its very own."""


@dataclass
class ServedBundles:
    """What was found.

    Attributes:
        models: by the name that clients ask for.
        refused: one line for each bundle that is not served, and why.
    """

    models: dict[str, Model] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def serve_bundles(places: Sequence[str | Path], device: str | None = None) -> ServedBundles:
    """Reads every bundle of some places into memory; a bad one is left out, with one line.

    Each is inspected first. Of one that passes, numbers and tensors are read, and this project's own steps run. A model
    has its bundle's name; of two different ones of one name, the later is called by its version, too, and the same one
    twice, as a folder beside its zip, is served once.

    Args:
        places: bundles' folders or zips, or folders that hold them.
        device: where the networks run; the GPU where there is one, by default.

    Raises:
        InputError: when a place does not exist.
    """
    found = ServedBundles()
    for place in places:
        for path in bundles_in(Path(place).expanduser()):
            try:
                _add(found.models, _read(path, device))
            except InputError as error:
                found.refused.append(" ".join(str(error).split()))
    return found


def bundles_in(place: Path) -> list[Path]:
    """The bundles of a place: itself, or the folders and zips in it, folders first.

    Raises:
        InputError: when it does not exist.
    """
    if not place.exists():
        raise InputError(f"{place}: no such file or folder; name a bundle, or the folder that holds some.")
    if place.is_file() or (place / "configs").is_dir():
        return [place]
    inside = [path for path in sorted(place.iterdir()) if not path.name.startswith(".")]
    folders = [path for path in inside if (path / "configs").is_dir()]
    return folders + [path for path in inside if path.is_file() and path.suffix.lower() == ".zip"]


def _read(path: Path, device: str | None) -> Model:
    model = Model.open(path, device, "float32")  # which of the two it is tells what it computes in
    return replace(model, precision=PRECISION[model.name])


def _add(models: dict[str, Model], model: Model) -> None:
    name = model.name
    for other in (name, f"{name}_v{model.version}"):
        held = models.get(other)
        if held is None:
            models[other] = model
            return
        if (held.version, held.weights) == (model.version, model.weights):
            return
    raise InputError(f"{name} {model.version}: another one of that version is served already; raise --version.")
