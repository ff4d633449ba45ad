"""What a reader of a public data set hands on: records, what it left out, and what it could not pair."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mani_monai.utils import InputError

KINDS = ("auto", "binary", "ids")


@dataclass(frozen=True)
class RawImage:
    """A decoded image: HW3 uint8 RGB, and what was converted to get there."""

    pixels: np.ndarray
    notes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class RawMask:
    """A mask as a data set stores it.

    Attributes:
        values: HW integers, 0 is background.
        kind: ``"ids"`` where every value is one nucleus, ``"binary"`` where everything above 0 is nuclei, ``"auto"``
            to decide by the values.
        notes: (what was done or dropped on reading, how often).
        types: HW uint8, the cell type of every pixel, 0 where there is none; None where the data set has no types.
    """

    values: np.ndarray
    kind: str = "auto"
    notes: tuple[tuple[str, int], ...] = ()
    types: np.ndarray | None = None


@dataclass(frozen=True)
class Record:
    """One image of a data set.

    Attributes:
        id: the file name of the image in the prepared data set, without its ending.
        group: what must not be torn apart by folds: the patient, or the image itself where nothing is known.
        image: the image file, or the array of many images that holds it.
        read_mask: takes the image's (height, width), gives its mask; None where the data set has no masks.
        read_image: gives the image where ``image`` is no picture that can simply be decoded.
        tissue: the organ, where it is known.
        part: "training", "validation" or "test" in the data set's own partition, where it has one.
    """

    id: str
    group: str
    image: Path
    read_mask: Callable[[tuple[int, int]], RawMask] | None = None
    read_image: Callable[[], RawImage] | None = None
    tissue: str | None = None
    part: str | None = None


@dataclass(frozen=True)
class Listing:
    """All that a reader found in a folder.

    Attributes:
        reader: the reader's name.
        records: the images to prepare.
        licence: what is known of the data set's licence.
        group: what a group is, in a word ("patient", "image").
        left_out: images left out by the data set's own rule, and why: not an error.
        problems: images without a mask, masks without an image, ...: one line each, an error.
        types: names of the cell types, value 1 first; every mask of the listing gives ``types`` then.
    """

    reader: str
    records: tuple[Record, ...]
    licence: str
    group: str = "image"
    left_out: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


def check_folder(path: str | Path, what: str) -> Path:
    """Returns ``path`` as a folder that exists.

    Raises:
        InputError: it does not exist or is a file.
    """
    folder = Path(str(path)).expanduser()
    if not folder.is_dir():
        state = "is a file" if folder.is_file() else "does not exist"
        raise InputError(f"{folder}: {state}; name the folder that holds {what}.")
    return folder


def read_csv(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The lines of a table by their columns, as text editors and spreadsheets save it in UTF-8.

    Args:
        table: the file.
        columns: what its first line has to name.

    Raises:
        InputError: when it is not UTF-8, or lacks a column or any line.
    """
    try:
        with open(table, newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except UnicodeDecodeError as error:
        raise InputError(f"{table}: is not UTF-8 ({error.reason}); save it as CSV UTF-8.") from error
    if not rows or set(columns) - set(rows[0]):
        raise InputError(f"{table}: needs a first line {','.join(columns)} and a line for each image.")
    return rows


def files_by_stem(
    folders: Sequence[Path],
    endings: tuple[str, ...],
    problems: list[str],
    stem_of: Callable[[str], str | None] = str,
    deep: bool = False,
) -> dict[str, Path]:
    """Maps the stem of every file in some folders to the file, in the order of the paths.

    Args:
        folders: hidden files and ``__MACOSX`` in them are passed over.
        endings: in lower case, with the dot.
        problems: gets a line for each stem that two files share; the first one stays.
        stem_of: makes an image's id of a file's stem; None passes the file over.
        deep: search the folders' subfolders, too.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*") if deep else folder.iterdir()):
            hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts)
            stem = stem_of(path.stem)
            if hidden or stem is None or path.suffix.lower() not in endings or path.is_dir():
                continue
            if stem in found:
                problems.append(f"{path}: stands for the same image as {found[stem]}; rename or remove one of the two.")
            else:
                found[stem] = path
    return found


def pair(images: dict[str, Path], masks: dict[str, Path], problems: list[str], looked_for: str = "") -> list[str]:
    """Returns the ids that have both an image and a mask; each other one adds a line to ``problems``.

    Args:
        images: files by id.
        masks: files by id.
        problems: gets the lines.
        looked_for: where a mask was looked for and how it may be called, for a line.
    """
    for name in sorted(set(images) - set(masks)):
        problems.append(f"{images[name]}: has no mask{looked_for}; add it, or remove the image.")
    for name in sorted(set(masks) - set(images)):
        problems.append(f"{masks[name]}: is a mask without its image; add the image, or remove the mask.")
    return [name for name in images if name in masks]
