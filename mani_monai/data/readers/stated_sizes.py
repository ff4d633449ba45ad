"""What an image file says of the size of its pixels, in each of the ways that files have."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from tifffile import TiffPage
from tifffile.tifffile import imagej_description_metadata

from mani_monai.utils.errors import positive

from .instrument_sizes import instrument_sizes, parsed
from .opened_picture import OpenedPicture

_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296  # TIFF tags
_PER_RESOLUTION_UNIT = {2: 25400.0, 3: 10000.0, 4: 1000.0, 5: 1.0}  # um: inch, centimetre, tifffile's mm and um
_METRE = 1e6  # um
_PREFIXES = {
    "q": 1e-30, "r": 1e-27, "y": 1e-24, "z": 1e-21, "a": 1e-18, "f": 1e-15, "p": 1e-12, "n": 1e-9, "\u03bc": 1e-6,
    "u": 1e-6, "\ufffd": 1e-6, "mc": 1e-6, "m": 1e-3, "c": 1e-2, "d": 1e-1, "": 1.0, "da": 1e1, "h": 1e2, "k": 1e3,
}  # fmt: skip
"""Of a metre's symbol in lower case; what is larger than a kilometre is no pixel's."""
_PREFIX_NAMES = {
    "yocto": 1e-24, "zepto": 1e-21, "atto": 1e-18, "femto": 1e-15, "pico": 1e-12, "nano": 1e-9, "micro": 1e-6,
    "milli": 1e-3, "centi": 1e-2, "deci": 1e-1, "": 1.0, "deca": 1e1, "deka": 1e1, "hecto": 1e2, "kilo": 1e3,
}  # fmt: skip
_MICROMETRES = {
    **{f"{prefix}m": _METRE * factor for prefix, factor in _PREFIXES.items()},
    **{f"{name}{metre}": _METRE * n for name, n in _PREFIX_NAMES.items() for metre in ("meter", "metre")},
    "micron": 1.0, "\u03bc": 1.0, "\u00e5": 1e-4, "angstrom": 1e-4, "\u00e5ngstr\u00f6m": 1e-4,
    "in": 25400.0, "inch": 25400.0, "inche": 25400.0, '"': 25400.0, "thou": 25.4, "mil": 25.4, "li": 25400 / 12,
    "line": 25400 / 12, "pt": 25400 / 72, "point": 25400 / 72, "ft": 304800.0, "foot": 304800.0, "feet": 304800.0,
    "yd": 914400.0, "yard": 914400.0,
}  # fmt: skip
"""By a unit's name in lower case, without the plural's s."""
_UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff]")
_SAME_FORM = 0.01  # of width by height
_QUOTES = " \t\r\n'\"\u201c\u201d"
_MICRO = re.compile(r"^(?:\[mu\]|\?|\u03bc )(?=m$)")  # as some write a micro sign, and what lossy ASCII leaves of it
_MPP = re.compile(r'(?<![A-Za-z0-9_-])MPP(?:[-_ ]?[XY])?"?\s*[=:]\s*"?(\d[\d.,eE+-]*)', re.IGNORECASE)
"""Nothing such as ``slide_mpp``, which is of what a tile was made of."""
_REDUCED = re.compile(r"(\d+)x\d+\]?(?: \(\d+x\d+\))? -> (\d+)x(\d+)")  # "[0,100 46000x32914] (240x240) -> 1024x732"
_SPACING = re.compile(
    r'"DICOM_PIXEL_SPACING"[^>]*>\s*(?:"|&quot;)([^"&]+)(?:"|&quot;)\s+(?:"|&quot;)([^"&]+)(?:"|&quot;)'
)


@dataclass(frozen=True)
class StatedSize:
    """A pixel's width and height in micrometres, each None where the file does not say it, and who says so."""

    x: float | None
    y: float | None
    origin: str


def stated_sizes(opened: OpenedPicture) -> Iterator[StatedSize]:
    """All that a file says, the most trustworthy first.

    Args:
        opened: the file.
    """
    if opened.page is None:
        if opened.image is not None:
            x, y = opened.image.info.get("dpi", (None, None))
            yield StatedSize(_inverse(x, 25400.0), _inverse(y, 25400.0), f"{opened.image.format} density")
        return
    page, text = opened.page, opened.description
    yield from _ome(text, opened)
    for mpp in _MPP.findall(text):
        number = positive(mpp.rstrip(".,"))
        yield StatedSize(number and number * _reduction(text, page), None, "MPP in its description")
    if spacing := _SPACING.search(text):  # mm, rows first
        y, x = (number and number * 1e3 for number in map(positive, spacing.groups()))
        yield StatedSize(x, y, "DICOM spacing in its description")
    if text.startswith(("ImageJ=", "SCIFIO=")):
        yield _imagej(text, page)
    for sides, origin in instrument_sizes(page, text, micrometres_in):
        yield StatedSize(*sides, origin)
    unit = _PER_RESOLUTION_UNIT.get(int(page.tags.valueof(_RESOLUTION_UNIT, 2)))
    if unit is not None:
        x, y = (_inverse(ratio, unit) for ratio in _resolution(page))
        yield StatedSize(x, y, "TIFF resolution")


def micrometres_in(unit: str) -> float | None:
    """How long a unit is; None for those that are no length, such as pixels.

    Args:
        unit: in any spelling: of the micro sign's two code points, escaped, or in an encoding that went wrong.
    """
    name = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), html.unescape(unit))
    for encoding in ("latin-1", "cp1252"):
        try:
            name = name.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    name = unicodedata.normalize("NFKC", _UNSEEN.sub("", name)).strip().casefold()
    name = name.strip(_QUOTES) or name  # a quote alone is an inch
    name = _MICRO.sub("u", name)
    name = re.sub(r"\s*(/|per)\s*(pixel|px)$", "", name)
    return _MICROMETRES.get(name, _MICROMETRES.get(name.removesuffix("s")))


def _reduction(text: str, page: TiffPage) -> float:
    """How often Aperio's description says that its picture is reduced: its MPP is of what was reduced."""
    found = _REDUCED.search(text)
    whole, *size = map(int, found.groups()) if found else (0, 0, 0)
    return whole / size[0] if size == [page.imagewidth, page.imagelength] else 1.0


def _ome(text: str, opened: OpenedPicture) -> Iterator[StatedSize]:
    """The size in OME-XML of the image that the file's picture is, where it describes several."""
    root = parsed(text) if "OME" in text else None
    if root is None:
        return
    described = [element for element in root.iter() if _local(element) == "Pixels"]
    size = [str(opened.tiff.imagewidth), str(opened.tiff.imagelength)]
    own = [element for element in described if [element.get("SizeX"), element.get("SizeY")] == size] or described
    pages = [element for element in own if opened.number in _pages_of(element)]
    stated = {_ome_size(element) for element in (pages if len(own) > 1 and pages else own)}
    if len(stated) != 1:  # of images that differ, none is known to be this one
        return
    size = stated.pop()
    yield size
    yield from _were_it_reduced(size, own[0], opened.tiff)


def _were_it_reduced(size: StatedSize, pixels: ElementTree.Element, page: TiffPage) -> Iterator[StatedSize]:
    """The size where a picture is what OME describes, made smaller or larger since: programs keep the old words."""
    width, height = (positive(pixels.get(f"Size{axis}")) for axis in "XY")
    if width is None or height is None:
        return
    across, down = width / page.imagewidth, height / page.imagelength
    if across != 1 and abs(across / down - 1) < _SAME_FORM:
        x, y = (None if side is None else side * factor for side, factor in ((size.x, across), (size.y, down)))
        yield StatedSize(x, y, f"OME description, if it was resized from {height:.0f}x{width:.0f} (height x width),")


def _pages_of(pixels: ElementTree.Element) -> set[int]:
    data = (element for element in pixels if _local(element) == "TiffData")
    return {int(element.get("IFD", "0")) for element in data if element.get("IFD", "0").isdigit()}


def _ome_size(pixels: ElementTree.Element) -> StatedSize:
    sides = []
    for axis in "XY":
        number = positive(pixels.get(f"PhysicalSize{axis}"))
        factor = micrometres_in(pixels.get(f"PhysicalSize{axis}Unit", "um"))  # um is OME's default
        sides.append(None if number is None or factor is None else number * factor)
    x, y = sides
    return StatedSize(x, y, "OME description")


def _local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _imagej(text: str, page: TiffPage) -> StatedSize:
    facts = imagej_description_metadata(text)
    units = [str(facts.get("unit", "")), str(facts.get("yunit", facts.get("unit", "")))]
    factors = [micrometres_in(unit) for unit in units]
    x, y = (
        None if factor is None else _inverse(ratio, factor)
        for ratio, factor in zip(_resolution(page), factors, strict=True)
    )
    return StatedSize(x, y, "ImageJ description")


def _resolution(page: TiffPage) -> list[float | None]:
    """Pixels a unit along x and y, as a TIFF's two ratios say it."""
    ratios = (page.tags.valueof(tag) for tag in (_X_RESOLUTION, _Y_RESOLUTION))
    return [
        positive(ratio[0] / ratio[1]) if isinstance(ratio, tuple) and len(ratio) == 2 and ratio[1] else None
        for ratio in ratios
    ]


def _inverse(resolution: Any, unit: float) -> float | None:
    number = positive(resolution)
    return unit / number if number else None
