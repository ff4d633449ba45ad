"""Slides of DICOM: files of one series are the levels of one slide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mani_monai.utils.folders import paths_in

DICOM_ENDING = ".dcm"


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


def _series(path: Path) -> str | None:
    """The unique identifier of a slide's series; None where a file is no slide, or OpenSlide is missing."""
    try:
        from openslide import OpenSlide, OpenSlideError
    except ImportError:
        return None
    try:
        with OpenSlide(path) as slide:
            return slide.properties.get("dicom.SeriesInstanceUID")
    except OpenSlideError:
        return None
