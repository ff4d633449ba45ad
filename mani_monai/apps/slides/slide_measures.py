"""What is measured of a slide before its tiles: once a slide, whatever the number of processes that share it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mani_monai.apps.slides.shard_store import FORM
from mani_monai.model import Model
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.utils.json_files import read_object, save_json


def measured_once(
    folder: Path,
    facts: Mapping[str, Any],
    colours_of: Callable[[], TissueColours | None],
    fitted: Callable[[TissueColours | None], Model],
    model: Model,
) -> tuple[TissueColours | None, Model]:
    """Colours of a slide's tissue and the model with its borders: read where they were written, else measured.

    Processes that begin together all measure, and write the same.

    Args:
        folder: of the slide's work.
        facts: all that they follow from, for JSON.
        colours_of: measures the colours.
        fitted: gives the model whose parting has the slide's borders.
        model: the bundle.

    Raises:
        InputError: as of the functions, and when the file is broken or cannot be written.
    """
    key = hashlib.sha256(json.dumps({"form": FORM, **facts}, sort_keys=True).encode()).hexdigest()
    path = folder / f"measures_{key[:16]}.json"
    written = read_object(path, "remove it")
    if not written:
        colours = colours_of()
        found = fitted(colours)
        if colours is not None or found is not model:
            content = {"key": key, "colours": colours and asdict(colours), "parting": found.declaration.parting}
            save_json(path, content)
        return colours, found
    colours = written["colours"]
    if colours is not None:
        colours = TissueColours(tuple(colours["mean"]), tuple(colours["std"]), colours["share"])
    parting = written["parting"]
    if parting == model.declaration.parting:
        return colours, model
    return colours, replace(model, declaration=model.declaration.trained(parting=parting))
