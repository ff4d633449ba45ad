"""Slides of a folder, and files that are named as they are."""

from __future__ import annotations

from pathlib import Path

from mani_monai.apps.slides.slide_levels import PICTURES, SCANS, TIFFS
from mani_monai.utils import InputError
from mani_monai.utils.folders import files_by_stem

ENDINGS = (*SCANS, ".ome.tif", ".ome.tiff", *TIFFS, *PICTURES)
OUTLINES = (".geojson", ".geojson.gz", ".json", ".json.gz", ".geojson.zip")
_DICOM = ".dcm"


def slide_paths(path: Path) -> tuple[list[Path], list[str]]:
    """Slides in order, and a line for each that another one's name hides; a folder of DICOM files is a slide.

    Args:
        path: a slide or a folder of slides.

    Raises:
        InputError: when nothing is there.
    """
    if path.is_file():
        return [path], []
    if not path.is_dir():
        raise InputError(f"{path}: is not there; name a slide or a folder of slides with --slides.")
    twins: list[str] = []
    found = files_by_stem([path], tuple(ending for ending in ENDINGS if ending != _DICOM), twins)
    for folder in (path, *sorted(each for each in path.iterdir() if each.is_dir())):
        levels = sorted(folder.glob(f"*{_DICOM}"))
        if levels:
            found.setdefault(levels[0].stem, levels[0])
    if not found and not twins:
        raise InputError(f"{path}: no slides there (SVS, NDPI, MRXS, SCN, BIF, DICOM, TIFF, pictures); name another.")
    return sorted(found.values()), twins


def files_for(slide: Path, folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Files of a folder that have a slide's name, with its ending or without it, in the order of the endings.

    Args:
        slide: the slide's file.
        folder: where they may lie.
        endings: of the files, with the dot.
    """
    names = [stem + ending for ending in endings for stem in (slide.stem, slide.name)]
    return [folder / name for name in names if (folder / name).is_file()]
