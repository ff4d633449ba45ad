"""Slides of a folder, and files that are named as they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mani_monai.apps.slides.dicom_series import DICOM_ENDING, dicom_files, slides_of_series
from mani_monai.apps.slides.slide_levels import PICTURES, SCANS, TIFFS
from mani_monai.utils import InputError
from mani_monai.utils.folders import files_by_stem, is_leftover, name_fault, on_any_disk, shown
from mani_monai.utils.subfolders import left_below, remedy_below

ENDINGS = (*SCANS, ".ome.tif", ".ome.tiff", *TIFFS, *PICTURES)
OUTLINES = (".geojson", ".geojson.gz", ".json", ".json.gz", ".geojson.zip")


def slide_paths(path: Path) -> tuple[list[Path], list[str]]:
    """Slides in order, and a line for each that cannot be named; DICOM files of a series are a slide.

    Args:
        path: a slide or a folder of slides.

    Raises:
        InputError: when nothing is there.
    """
    if path.is_file():
        fault = name_fault(path.name)
        return ([path], []) if fault is None else ([], [f"{shown(path)}: {fault}"])
    if not path.is_dir():
        raise InputError(f"{path}: is not there; name a slide or a folder of slides with --slides.")
    twins: list[str] = []
    found = files_by_stem([path], tuple(ending for ending in ENDINGS if ending != DICOM_ENDING), twins)
    spelled = {on_any_disk(stem): stem for stem in found}
    folders = sorted(each for each in path.iterdir() if each.is_dir() and not is_leftover(each))
    for folder in (path, *folders):
        for first in slides_of_series(dicom_files(folder)):
            if (fault := name_fault(str(first.relative_to(path)))) is not None:
                twins.append(f"{shown(first)}: {fault}")
            elif (other := found.setdefault(spelled.setdefault(on_any_disk(first.stem), first.stem), first)) != first:
                twins.append(f"{first}: stands for the same slide as {other}; rename one of the two.")
    if not found and not twins:
        remedy = remedy_below(path, ENDINGS, "name another", masks=False)
        raise InputError(f"{path}: holds no slides (SVS, NDPI, MRXS, SCN, BIF, CZI, DICOM, TIFF, pictures); {remedy}.")
    return sorted(found.values()), twins


def slides_below(path: Path, besides: Iterable[Path] = ()) -> tuple[str, ...]:
    """A line on files of slides in subfolders, which :func:`slide_paths` does not read, where there are some.

    Args:
        path: a slide or a folder of slides.
        besides: folders to pass over, such as that of the results.
    """
    if not path.is_dir():
        return ()
    return left_below(path, ENDINGS, "slide file", "--slides", besides, read=(DICOM_ENDING,))


def files_for(slide: Path, folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Files of a folder that have a slide's name, with its ending or without it, in the order of the endings.

    Args:
        slide: the slide's file.
        folder: where they may lie.
        endings: of the files, with the dot.
    """
    names = [stem + ending for ending in endings for stem in (slide.stem, slide.name)]
    return [folder / name for name in names if (folder / name).is_file()]
