"""Slides as the target of an adaptation: windows of their tissue as pictures."""

from __future__ import annotations

from pathlib import Path

from mani_monai.apps.adapt.outcome import Slides
from mani_monai.apps.adapt.request import REQUEST
from mani_monai.apps.adapt.target_folder import target_name
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object

FOLDER = "windows"


def pictures_of(
    target: str, out: Path, mpp: float | None, source: str | None, model: str | None
) -> tuple[str, float | None, Slides | None]:
    """The folder of a target's pictures, micrometres per pixel of them, and the slides that they are of.

    Of slides, 96 windows of 512 pixels are written into ``out/windows``, spread over all slides. Windows of another
    adaptation stay.

    Args:
        target: a folder of pictures, a slide or a folder of slides.
        out: the adaptation's folder.
        mpp: of the pictures, as a user gave it; of slides' windows by default the source's or the model's. Slides that
            do not say their own pixel size have this one.
        source: a prepared data set, where there is one.
        model: the bundle to start from; by default the one that comes along.

    Raises:
        InputError: when no slide gives a window, nobody says at which pixel size, or ``out`` holds an adaptation to
            other slides or pictures.
    """
    try:
        from mani_monai.apps.slides.sampled_windows import holds_slides, sample_windows
        from mani_monai.apps.slides.slide_paths import slides_below
    except ImportError:  # the packages for slides are no part of the base
        return target, mpp, None
    if not holds_slides(target):
        return target, mpp, None
    size = given_pixel_size(mpp)
    um = size.um if size else _pixel_size(source, model)
    if um is None:
        raise InputError(f"{target}: holds slides; say the network's micrometres per pixel with --mpp, e.g. 0.25.")
    place = Path(str(target)).expanduser()
    folder = out / FOLDER / target_name(place.with_suffix("") if place.is_file() else place, "")
    held = read_object(out / REQUEST, "choose another --out, or delete the folder").get("target", ())
    for line in (*slides_below(place, (out,)), *sample_windows(target, folder, um, otherwise=size, held=held)):
        print(f"left out: {line}", flush=True)
    return str(folder), um, Slides(str(target), None if size is None or _say_their_size(target) else size.um)


def _say_their_size(slides: str) -> bool:
    """Whether a slide says its pixel size, which a given one would replace."""
    from mani_monai.apps.slides.slide import open_slide
    from mani_monai.apps.slides.slide_paths import slide_paths

    for path in slide_paths(Path(str(slides)).expanduser())[0]:
        try:
            open_slide(path).close()
        except InputError:
            continue
        return True
    return False


def _pixel_size(source: str | None, model: str | None) -> float | None:
    """What the labelled images have, else the model."""
    if source is not None:
        record = Path(str(source)).expanduser() / "dataset.json"
        return read_object(record, "prepare the data set again").get("mpp") if record.is_file() else None
    from mani_monai.model import Model
    from mani_monai.utils.places import own_weights

    return Model.open(model or own_weights(), "cpu", "float32").mpp
