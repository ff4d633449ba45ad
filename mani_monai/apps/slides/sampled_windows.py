"""Plain pictures out of slides, spread over all of them: what an adaptation looks at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mani_monai.apps.slides.slide import Slide, open_slide
from mani_monai.apps.slides.slide_levels import SCANS
from mani_monai.apps.slides.slide_paths import slide_paths
from mani_monai.apps.slides.slide_stains import chosen_windows
from mani_monai.apps.slides.slide_tissue import tissue_of
from mani_monai.data.pixel_size import PixelSize
from mani_monai.large_picture import Window
from mani_monai.utils import InputError
from mani_monai.utils.built_folder import building, move_to
from mani_monai.utils.folders import replacing
from mani_monai.utils.json_files import read_object, save_json

WINDOWS, EDGE = 96, 512
PLACES = "windows.json"
_SLIDES = (*SCANS, ".ome.tif", ".ome.tiff")


def holds_slides(path: str | Path) -> bool:
    """Whether a path is a scanner's slide, or a folder in which one lies."""
    place = Path(str(path)).expanduser()
    if place.is_file():
        return place.name.lower().endswith(_SLIDES)
    if not place.is_dir():
        return False
    return any(each.name.lower().endswith(_SLIDES) for each in place.iterdir()) or any(place.glob("*/*.dcm"))


def sample_windows(
    slides: str | Path,
    folder: Path,
    um: float,
    count: int = WINDOWS,
    edge: int = EDGE,
    seed: int = 0,
    otherwise: PixelSize | None = None,
    held: Collection[str] = (),
) -> list[str]:
    """Writes windows of tissue as PNG, as many of each slide, and ``windows.json`` with their places.

    A slide with tissue gives one at least. One of little tissue gives fewer than the others. The same slides, settings
    and seed give the same files; where they are there, nothing is done.

    Args:
        slides: a slide or a folder of slides.
        folder: receives the pictures; what is there of other slides or settings is replaced.
        um: micrometres per pixel of the pictures: the network's.
        count: of windows over all slides; more where there are more slides.
        edge: of a window in pixels.
        seed: of the choice.
        otherwise: of the pixels of slides that do not say it.
        held: file names of windows that something was made of, which must not be replaced by others.

    Returns:
        a line for each slide that gave no window.

    Raises:
        InputError: when no slide gave one, the folder cannot be written, or other windows are held.
    """
    paths, problems = slide_paths(Path(str(slides)).expanduser())
    facts = {
        "slides": {str(path.resolve()): path.stat().st_size for path in paths},
        "um": um, "count": count, "edge": edge, "seed": seed, "otherwise": otherwise and otherwise.um,
    }  # fmt: skip
    written = read_object(folder / PLACES, "remove it") if folder.is_dir() else {}
    if written.get("facts") == facts:
        return list(written["problems"])
    if held and not _give_again(facts, written.get("facts"), held):
        raise InputError(f"{folder}: the adaptation was made of other pictures; choose another --out, or delete it.")
    try:
        with building(folder) as new:
            new.mkdir(parents=True)
            windows: dict[str, Any] = {}
            each = max(count // max(len(paths), 1), 1)
            for path in paths:
                try:
                    with closing(open_slide(path, otherwise=otherwise)) as slide:
                        windows |= _written(slide, new, um, each, edge, seed)
                except InputError as error:
                    problems.append(str(error))
            if not windows:
                raise InputError("\n".join([*problems[:10], f"{slides}: no slide gave a picture."]))
            save_json(new / PLACES, {"facts": facts, "windows": windows, "problems": problems})
            move_to(folder, new)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); name another --out.") from error
    return problems


def _give_again(facts: Mapping[str, Any], written: Mapping[str, Any] | None, held: Collection[str]) -> bool:
    """Whether slides and settings are those of windows that are held, wherever the slides lie by now."""
    if written is not None:
        one, other = ({**each, "slides": _by_name(each["slides"])} for each in (facts, written))
        return one == other
    stems = tuple(f"{Path(slide).stem}_x" for slide in facts["slides"])
    return all(name.startswith(stems) for name in held)


def _by_name(sizes: Mapping[str, int]) -> dict[str, int]:
    return {Path(path).name: size for path, size in sizes.items()}


def _written(slide: Slide, folder: Path, um: float, count: int, edge: int, seed: int) -> dict[str, Any]:
    """Writes windows of a slide; their places in its pixels, by file name."""
    ratio = slide.ratio(um)
    windows = _whole(chosen_windows(slide.grid(ratio), ratio, tissue_of(slide), seed, None, edge), edge)
    places: dict[str, Any] = {}
    for window in windows:
        if len(places) == count:
            break
        try:
            pixels = slide.read(window, ratio)
        except InputError:
            continue  # damaged there; the next one takes its place
        name = _save(pixels, folder, slide, window, ratio)
        corners = {side: value * ratio for side, value in asdict(window).items()}
        places[name] = {"slide": slide.path.name, **corners}
    if not places:
        raise InputError(f"{slide.path}: has no tissue that can be read; leave it out.")
    return places


def _whole(windows: list[Window], edge: int) -> list[Window]:
    """Windows of the whole size, or all where there is none."""
    return [window for window in windows if window.shape == (edge, edge)] or windows


def _save(pixels: np.ndarray, folder: Path, slide: Slide, window: Window, ratio: float) -> str:
    name = f"{slide.path.stem}_x{round(window.left * ratio)}_y{round(window.top * ratio)}.png"
    with replacing(folder / name) as partial:
        Image.fromarray(pixels).save(partial, compress_level=4)
    return name
