"""How large a pixel is on the slide, as an image's file says it, and how an image is to be scaled for a network."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from mani_monai.utils import InputError

SMALLEST, LARGEST = 0.05, 5.0  # um: what microscopes give; print's 72 to 600 dpi are 353 to 42 um
TOLERATED = 1.1  # ratio of pixel sizes up to which they count as equal
MOST = 4.0  # ratio beyond which an image holds too little, or too much, to be brought to the network's pixel size
_SQUARE = 1.02
_DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT = 270, 282, 283, 296  # TIFF tags
_PER_RESOLUTION_UNIT = {2: 25400.0, 3: 10000.0}  # um: inch, centimetre
_NUMBER = r"([0-9.]+(?:[eE][-+]?[0-9]+)?)"
# a description's "um" arrives in several encodings, of which some went wrong on the way
_MICRON = {"um", "micron", "microns", "micrometer", "\u00b5m", "\u03bcm", "\u00c2\u00b5m", "\u00ce\u00bcm", r"\u00b5m"}


@dataclass(frozen=True)
class PixelSize:
    """The side of a square pixel.

    Attributes:
        um: in micrometres.
        origin: who says so.
    """

    um: float
    origin: str


def given_pixel_size(mpp: Any, option: str = "--mpp") -> PixelSize | None:
    """A pixel size that a user gave; None where none was.

    Raises:
        InputError: when it is no number, or none that a microscope gives.
    """
    if mpp is None:
        return None
    number = None if isinstance(mpp, bool) else _number(mpp)
    if number is None or not SMALLEST <= number <= LARGEST:
        raise InputError(f"{option} {mpp}: write micrometres per pixel, {SMALLEST} to {LARGEST}; 40x is about 0.25.")
    return PixelSize(number, option)


def read_pixel_size(path: str | Path) -> PixelSize | None:
    """Reads a pixel size from an image's file.

    OME-XML, Aperio's "MPP =" and ImageJ's unit in a TIFF's description come first, then the TIFF's resolution, the
    density of a PNG (pHYs) or a JPEG. Sizes that no microscope gives are passed over: 72 dpi is nothing that anybody
    measured.

    Args:
        path: an image file; one that cannot be decoded says nothing.

    Raises:
        InputError: when pixels are not square.
    """
    try:
        with Image.open(path) as image:
            said = [(x, y, origin) for x, y, origin in _said(image) if x is not None and SMALLEST <= x <= LARGEST]
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, Image.DecompressionBombError):
        return None
    if not said:
        return None
    x, y, origin = said[0]
    if y is not None and not 1 / _SQUARE <= x / y <= _SQUARE:
        raise InputError(f"{path}: its pixels are not square ({x:.3g} x {y:.3g} um by its {origin}); resample it.")
    return PixelSize(x, origin)


def alike(first: float, second: float) -> bool:
    """Whether two pixel sizes in micrometres count as equal."""
    return max(first / second, second / first) <= TOLERATED


def scale_for(image: PixelSize | None, network_um: float | None) -> float:
    """By what an image's sides are multiplied so that its pixels are of the size that a network was trained on.

    Args:
        image: the image's; None where it is not known.
        network_um: the network's; None likewise.

    Returns:
        1 where the sizes differ by up to a tenth, or one of them is not known.

    Raises:
        InputError: when they differ by more than four times.
    """
    if image is None or network_um is None:
        return 1.0
    ratio = image.um / network_um
    if max(ratio, 1 / ratio) > MOST:
        raise InputError(
            f"its pixels are {image.um:.3g} um ({image.origin}), the network's {network_um:.3g} um: more than "
            f"{MOST:.0f} times apart; take images of another magnification, or name the right size with --mpp."
        )
    return 1.0 if alike(image.um, network_um) else ratio


def _said(image: Image.Image) -> Iterator[tuple[float | None, float | None, str]]:
    """What a file says of its pixels' width and height in um, the most trustworthy first."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        yield from _description(str(tags.get(_DESCRIPTION, "")), tags)
        unit = _PER_RESOLUTION_UNIT.get(tags.get(_UNIT, 2))
        if unit is not None:
            yield *(_inverse(tags.get(tag), unit) for tag in (_X_RESOLUTION, _Y_RESOLUTION)), "TIFF resolution"
    elif "dpi" in image.info:
        x, y = image.info["dpi"]
        yield _inverse(x, 25400.0), _inverse(y, 25400.0), f"{image.format} density"


def _description(text: str, tags: Mapping[int, Any]) -> Iterator[tuple[float | None, float | None, str]]:
    # by patterns, not by an XML parser: a file's text is nobody's to expand
    x, y = (_ome(text, axis) for axis in "XY")
    if x is not None:
        yield x, y, "OME description"
    if found := re.search(rf"\bMPP\s*=\s*{_NUMBER}", text):
        yield _number(found[1]), None, "MPP in its description"
    if text.startswith("ImageJ=") and (unit := re.search(r"^unit=(\S+)", text, re.M)):
        factor = _unit(unit[1])
        if factor is not None:
            yield *(_inverse(tags.get(tag), factor) for tag in (_X_RESOLUTION, _Y_RESOLUTION)), "ImageJ description"


def _ome(text: str, axis: str) -> float | None:
    size = re.search(rf'\bPhysicalSize{axis}="{_NUMBER}"', text)
    unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]*)"', text)
    factor = _unit(unit[1]) if unit else 1.0  # OME's default is um
    number = _number(size[1]) if size else None
    return None if number is None or factor is None else number * factor


def _unit(name: str) -> float | None:
    """Micrometres in a unit."""
    name = name.replace("&#181;", "\u00b5").replace("&#956;", "\u03bc")
    return 1.0 if name.lower() in _MICRON else {"nm": 1e-3, "mm": 1e3, "cm": 1e4}.get(name)


def _inverse(resolution: Any, unit: float) -> float | None:
    number = _number(resolution)
    return unit / number if number else None


def _number(value: Any) -> float | None:
    """A positive, finite number; None where it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None
