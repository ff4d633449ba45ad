"""What is measured of a slide before its tiles: once a slide, whatever the number of processes that share it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely
from shapely.errors import ShapelyError

from mani_monai.apps.slides.shard_store import FORM
from mani_monai.apps.slides.slide import Slide
from mani_monai.apps.slides.slide_tissue import seen_tissue
from mani_monai.model import Model
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object, save_json

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon

HASH = "files.json"


def hashed_once(folder: Path, slide: Slide) -> Slide:
    """A slide that knows the SHA-256 of its files: read where it was written, else computed.

    What was written counts as long as each file has the name, the size and the time of change that it had.

    Args:
        folder: of the slide's work.
        slide: the slide.

    Raises:
        InputError: when the record is broken or cannot be written.
    """
    status = {path.name: path.stat() for path in slide.files}
    state = {name: [each.st_size, each.st_mtime_ns] for name, each in status.items()}
    written = read_object(folder / HASH, "remove it")
    if written.get("files") == state and isinstance(written.get("sha256"), str):
        return replace(slide, known_hash=written["sha256"])
    save_json(folder / HASH, {"files": state, "sha256": slide.hash})
    return slide


def tissue_once(folder: Path, slide: Slide) -> Polygon | MultiPolygon:
    """The tissue that is found in a slide: read where it was written, else sought.

    It is written where all of the slide could be decoded.

    Args:
        folder: of the slide's work.
        slide: the slide.

    Raises:
        InputError: when the record is broken or cannot be written.
    """
    key = _key({"slide": slide.hash, "mpp": slide.size.um})
    path = folder / f"tissue_{key[:16]}.json"
    if written := read_object(path, "remove it"):
        with _refusing(path):
            return shapely.from_wkb(written["wkb"])
    found, whole = seen_tissue(slide)
    if whole:
        save_json(path, {"key": key, "wkb": shapely.to_wkb(found, hex=True)})
    return found


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
    key = _key(facts)
    path = folder / f"measures_{key[:16]}.json"
    written = read_object(path, "remove it")
    if not written:
        colours = colours_of()
        found = fitted(colours)
        if colours is not None or found is not model:
            content = {"key": key, "colours": colours and asdict(colours), "parting": found.declaration.parting}
            save_json(path, content)
        return colours, found
    with _refusing(path):
        colours, parting = written["colours"], dict(written["parting"])
        if colours is not None:
            colours = TissueColours(tuple(colours["mean"]), tuple(colours["std"]), colours["share"])
    if parting == model.declaration.parting:
        return colours, model
    return colours, replace(model, declaration=model.declaration.trained(parting=parting))


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """A record that lacks something, as one line that names it."""
    try:
        yield
    except (KeyError, TypeError, ValueError, ShapelyError) as error:
        raise InputError(f"{path}: is incomplete ({type(error).__name__}); remove it.") from error


def _key(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps({"form": FORM, **facts}, sort_keys=True).encode()).hexdigest()
