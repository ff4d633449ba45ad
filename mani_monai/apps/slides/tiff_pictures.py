"""The pictures and channels of a pyramid in a TIFF: which are the slide, and what is said of the others."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from tifffile import TiffFile, TiffPage, TiffPageSeries

from mani_monai.data.readers.instrument_sizes import parsed
from mani_monai.data.readers.pages import shows
from mani_monai.utils import InputError

if TYPE_CHECKING:
    from mani_monai.apps.slides.slide_levels import Levels

_ASIDE = re.compile(r"label|macro|thumb|overview|preview", re.IGNORECASE)
_COLOURS = (("red", "green", "blue"), ("r", "g", "b"))
_UNNAMED = re.compile(r"(channel|ch|c)?[ :_-]*[\d:]*", re.IGNORECASE)
_MOST = 2**24  # pixels of a picture that is compared
_MUCH = 16  # times the pixels


def picture_notes(path: Path, levels: Levels) -> tuple[str, ...]:
    """What is said of a TIFF of one slide; nothing of one that tifffile cannot read.

    Smaller pictures beside it are left out that show the same, or are called its label, macro or thumbnail. Three
    planes whose names do not say otherwise are red, green and blue.

    Args:
        path: the TIFF.
        levels: of its largest picture.

    Raises:
        InputError: when it holds another picture, or planes or channels that are no colours.
    """
    try:
        with TiffFile(path) as tiff:
            pictures = list(tiff.series)
            own = max(pictures, key=lambda each: math.prod(_size(each)))
            others = [each for each in pictures if each is not own]
            further = [each for each in others if not _is_aside(each) and not _is_reduced(each, levels)]
            names = _channel_names(tiff.ome_metadata or "")
    except Exception:  # what tifffile cannot read, others may
        return ()
    if further or _size(own) != levels.sizes[0]:
        raise InputError(f"{path}: holds {len(pictures)} pictures; save each as a slide of its own.")
    aside = [f"pictures beside the slide left out: {len(others)}"] if others else []
    return (*aside, *_channels(path, own, names))


def _size(picture: TiffPageSeries) -> tuple[int, int]:
    return picture.keyframe.imagelength, picture.keyframe.imagewidth


def _is_aside(picture: TiffPageSeries) -> bool:
    page = picture.keyframe
    words = page.description[:200] if isinstance(page, TiffPage) and "<" not in page.description[:200] else ""
    return bool(_ASIDE.search(picture.name) or _ASIDE.search(words))


def _is_reduced(picture: TiffPageSeries, levels: Levels) -> bool:
    """Whether a picture shows the slide smaller; where that takes too long, whether it is much smaller."""
    own, size = levels.sizes[-1], _size(picture)
    if math.prod(own) > _MOST or math.prod(size) > _MOST:
        return math.prod(size) * _MUCH < math.prod(levels.sizes[0])
    try:
        return shows(levels.cut(len(levels.sizes) - 1, 0, 0, *own), Image.fromarray(picture.keyframe.asarray()))
    except Exception:  # what cannot be decoded is not known to show the same
        return False


def _channel_names(text: str) -> tuple[str, ...]:
    """Of the first picture in OME-XML, empty where a channel has none."""
    root = parsed(text)
    elements = [] if root is None else list(root.iter())
    first = next((each for each in elements if str(each.tag).endswith("}Pixels")), None)
    channels = [] if first is None else [each for each in first if str(each.tag).endswith("}Channel")]
    return tuple(each.get("Name", "").strip() for each in channels)


def _channels(path: Path, picture: TiffPageSeries, names: Sequence[str]) -> tuple[str, ...]:
    """What is said of channels that are planes of their own."""
    if "S" in picture.axes:
        return ()
    counts = dict(zip(picture.axes, picture.shape, strict=True))
    count = math.prod(side for axis, side in counts.items() if axis not in "YX")
    if count == 1:
        return ("grey to RGB",)
    named = tuple(name.lower() for name in names)
    colours = named in _COLOURS or all(_UNNAMED.fullmatch(name) for name in named)
    if counts.get("C", 1) == count == 3 and colours:
        return ("three planes taken as red, green and blue",)
    words = f" ({', '.join(names)})" if any(names) else ""
    raise InputError(f"{path}: holds {count} planes or channels{words}; save the slide as 8-bit RGB.")
