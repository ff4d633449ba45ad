"""Which files of an unlabelled folder are its images, told by names alone, and what to call it."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Container
from pathlib import Path

from mani_monai.data.readers.rasters import IMAGE_ENDINGS
from mani_monai.data.readers.records import Listing, Record
from mani_monai.utils import InputError
from mani_monai.utils.folders import check_folder, name_fault, on_any_disk, paths_in, shown
from mani_monai.utils.json_files import read_object
from mani_monai.utils.subfolders import MASK_WORDS, left_below, remedy_below

RECORD, IMAGES = "dataset.json", "images"
GENERIC = ("images", "image", "tissue images", "tiles", "patches")
MASK_NAMES = (
    re.compile(rf"(?P<image>.+)[ _.-]({MASK_WORDS})", re.IGNORECASE),
    re.compile(rf"({MASK_WORDS})[ _.-](?P<image>.+)", re.IGNORECASE),
)


def list_target_images(folder: str | Path, licence: str = "unknown") -> Listing:
    """Lists the images of one folder as targets without labels; its subfolders are not searched.

    Masks that lie among the images are left out by their names alone: ``a_mask.png`` beside ``a.tif``, and both of two
    files that stand for the same image, since nobody could tell the image from its mask without opening them.

    Args:
        folder: PNG, TIFF, JPEG or BMP, or a data set that ``mani prepare`` wrote.
        licence: for the record.

    Returns:
        a record for every image, none with a mask.

    Raises:
        InputError: no such folder, or no images in it.
    """
    place = images_of(folder)
    found: dict[str, list[Path]] = defaultdict(list)
    spelled: dict[str, str] = {}  # the first spelling of each
    problems = []
    for path in paths_in(place):
        if path.suffix.lower() not in IMAGE_ENDINGS:
            continue
        if (fault := name_fault(path.name)) is None:
            found[spelled.setdefault(on_any_disk(path.stem), unicodedata.normalize("NFC", path.stem))].append(path)
        else:
            problems.append(f"{shown(path)}: {fault}")
    if not found and not problems:
        remedy = remedy_below(place, IMAGE_ENDINGS, "name the folder that does", masks=False)
        raise InputError(f"{place}: holds no images ({', '.join(IMAGE_ENDINGS)}); {remedy}.")
    masks = {stem for stem in found if is_mask_name(stem, found)}
    left_out = [f"{path}: is named like a mask of another file and was not opened" for m in masks for path in found[m]]
    for stem, paths in found.items():
        if stem not in masks and len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            problems.append(f"{place / stem}: {names} stand for the same image, so none of them was opened.")
    records = [Record(stem, stem, paths[0]) for stem, paths in found.items() if stem not in masks and len(paths) == 1]
    below = left_below(place, IMAGE_ENDINGS, "image", "--target")
    left = (*below, *sorted(left_out))
    return Listing("folder", tuple(records), str(licence), left_out=left, problems=tuple(problems))


def images_of(folder: str | Path) -> Path:
    """The folder of a target's images: itself, or the images of a prepared data set.

    Raises:
        InputError: no such folder.
    """
    place = check_folder(folder, "the unlabelled images")
    prepared = (place / RECORD).is_file() and (place / IMAGES).is_dir()
    return place / IMAGES if prepared else place


def prepared_mpp(folder: str | Path) -> float | None:
    """Micrometres per pixel that a prepared data set says of its images; None of any other folder."""
    record = images_of(folder).parent / RECORD
    if not record.is_file() or images_of(folder) == Path(str(folder)).expanduser():
        return None
    return read_object(record, "prepare the data set again").get("mpp")


def is_mask_name(stem: str, stems: Container[str]) -> bool:
    """Whether a file's stem is that of another file with a word for masks before or behind it.

    Args:
        stem: without the ending.
        stems: all stems of the folder, anything with ``in``.
    """
    matches = (pattern.fullmatch(stem) for pattern in MASK_NAMES)
    return any(match and match["image"] in stems for match in matches)


def target_name(target: str | Path, source: str) -> str:
    """A data set's name for a folder: its own, or its parent's where it is called "images"."""
    place = Path(str(target)).expanduser().absolute()
    name = place.parent.name if place.name.lower() in GENERIC else place.name
    name = re.sub(r"[^\w.-]+", "_", name).strip("._-") or "target"
    return f"{name}_target" if name == source else name
