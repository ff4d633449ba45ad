"""Slides of DICOM: files of one series are the levels of one slide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mani_monai.utils.errors import InputError
from mani_monai.utils.folders import paths_in

DICOM_ENDING = ".dcm"
_ORGANISATION, _FRAMES = "DimensionOrganizationType", "PerFrameFunctionalGroupsSequence"
_SIDES = ("Row", "Column")


def dicom_files(folder: Path) -> list[Path]:
    """The DICOM files of a folder, in order.

    Raises:
        InputError: when it may not be read.
    """
    return [path for path in paths_in(folder) if path.suffix.lower() == DICOM_ENDING]


def slides_of_series(paths: Sequence[Path]) -> list[Path]:
    """The first file of every series that is a slide; labels, annotations and other files are none.

    Args:
        paths: the DICOM files of a folder, in order.

    Returns:
        the first file alone where none can be opened, so that opening it says why.
    """
    if len(paths) < 2:
        return list(paths)
    first: dict[str, Path] = {}
    for path in paths:
        series = _series(path)
        if series is not None:
            first.setdefault(series, path)
    return list(first.values()) or list(paths[:1])


def levels_of_slide(path: Path) -> list[Path]:
    """The files of a slide, in order: those of a file's series in its folder.

    Args:
        path: one of them.
    """
    paths = dicom_files(path.parent)
    series = _series(path) if len(paths) > 1 else None
    return [path] if series is None else [each for each in paths if _series(each) == series]


def check_places(path: Path) -> None:
    """Refuses a DICOM of tiles in any order that does not say where each of them lies.

    OpenSlide puts such a tile in another's place, or ends the process. Without pydicom nothing is asked.

    Raises:
        InputError: when a tile has no place.
    """
    try:
        from pydicom import dcmread
        from pydicom.errors import InvalidDicomError
    except ImportError:
        return
    try:
        facts = dcmread(path, stop_before_pixels=True, specific_tags=[_ORGANISATION, "NumberOfFrames", _FRAMES])
    except (InvalidDicomError, OSError, ValueError, EOFError):  # which OpenSlide names
        return
    if facts.get(_ORGANISATION) != "TILED_SPARSE":
        return
    places = [place for frame in facts.get(_FRAMES) or () for place in (_place(frame),) if place is not None]
    frames = int(facts.get("NumberOfFrames") or 1)
    if len(places) != frames:
        what = f"says of {len(places)} of its {frames} tiles where they lie"
        raise InputError(f"{path}: is damaged ({what}); export it again.")


def _place(frame: Any) -> tuple[int, int] | None:
    """Row and column of a frame's first pixel; None where it does not say them."""
    for position in list(frame.get("PlanePositionSlideSequence") or ())[:1]:
        row, column = (position.get(f"{side}PositionInTotalImagePixelMatrix") for side in _SIDES)
        return None if row is None or column is None else (int(row), int(column))
    return None


def _series(path: Path) -> str | None:
    """The unique identifier of a slide's series; None where a file is no slide, or OpenSlide is missing."""
    try:
        from openslide import OpenSlide, OpenSlideError
    except ImportError:
        return None
    try:
        check_places(path)
        with OpenSlide(path) as slide:
            return slide.properties.get("dicom.SeriesInstanceUID")
    except (OpenSlideError, InputError):
        return None
