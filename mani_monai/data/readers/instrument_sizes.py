"""Sizes of pixels in the tags of their own that instruments write: Ventana's scanners, MetaMorph."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

from tifffile import TiffPage
from tifffile.tifffile import metaseries_description_metadata

from mani_monai.utils.errors import positive

_XMP = 700
_UIC = 33628
_LEVEL = re.compile(r"\bmag\s*=\s*([\d.]+)")  # Ventana: "level=1 mag=20 quality=95"
_AXES = ("x", "y")

Sides = tuple[float | None, float | None]


def parsed(text: str) -> ElementTree.Element | None:
    """The XML of a file's text; None for no XML, and for one with entities: a file's text is nobody's to expand."""
    if not text.startswith("<") or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None


def instrument_sizes(
    page: TiffPage, text: str, micrometres_in: Callable[[str], float | None]
) -> Iterator[tuple[Sides, str]]:
    """Width and height of a pixel in micrometres, and who says so.

    Args:
        page: of the picture.
        text: its description.
        micrometres_in: how long a unit is.
    """
    if (side := _ventana(page, text)) is not None:
        yield (side, side), "Ventana ScanRes"
    if text.startswith("<MetaData>") and parsed(text) is not None:
        facts: dict[str, Any] = metaseries_description_metadata(text)
        facts = facts.get("PlaneInfo") or facts
        if facts.get("spatial-calibration-state", True) is not False:
            unit = micrometres_in(str(facts.get("spatial-calibration-units", "")))
            yield _sides([facts.get(f"spatial-calibration-{axis}") for axis in _AXES], unit), "MetaMorph calibration"
    if _UIC in page.tags:
        facts = page.parent.stk_metadata or {}
        unit = micrometres_in(str(facts.get("CalibrationUnits", "")))
        if facts.get("SpatialCalibration", 1) != 0:
            yield _sides([facts.get(f"{axis.upper()}Calibration") for axis in _AXES], unit), "MetaMorph calibration"


def _sides(numbers: list[Any], unit: float | None) -> Sides:
    x, y = (None if unit is None or (number := positive(each)) is None else number * unit for each in numbers)
    return x, y


def _ventana(page: TiffPage, text: str) -> float | None:
    """The side that an ``iScan`` in the XMP of the page, or of the file's first page, gives for this page.

    It is of the scan itself. A level of the pyramid names its own magnification.
    """
    first = page.parent.pages.first
    for each in (page, first) if isinstance(first, TiffPage) else (page,):
        xmp = each.tags.valueof(_XMP)
        words = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else str(xmp or "")
        if "iScan" not in words or (root := parsed(words.strip("\0\ufeff \t\r\n"))) is None:
            continue
        for element in root.iter():
            side = positive(element.get("ScanRes"))
            if str(element.tag).rpartition("}")[2] == "iScan" and side is not None:
                level, scan = _LEVEL.search(text), positive(element.get("Magnification"))
                own = positive(level[1]) if level else None
                return side * scan / own if scan and own else side
    return None
