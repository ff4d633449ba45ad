"""What a reader of a public data set hands on: records, what it left out, and what it could not pair."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mani_monai.utils.errors import InputError
from mani_monai.utils.leftovers import is_leftover

from .raw_pixels import RawImage, RawMask

KINDS = ("auto", "binary", "ids")
FORTY_TIMES = 0.25
"""Micrometres per pixel of 40x, nominally: data sets that say no more than "40x"."""


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
        mpp: micrometres per pixel of all images; None where that is not known.
    """

    reader: str
    records: tuple[Record, ...]
    licence: str
    group: str = "image"
    left_out: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    mpp: float | None = None


def check_folder(path: str | Path, what: str) -> Path:
    """Returns ``path`` as a folder that exists.

    Raises:
        InputError: it does not exist or is a file.
    """
    folder = Path(str(path)).expanduser()
    try:
        is_folder = folder.is_dir()
    except PermissionError:
        raise InputError(f"{folder}: may not be read; mend the permissions of the folders above it.") from None
    if not is_folder:
        state = "is a file" if folder.is_file() else "does not exist"
        raise InputError(f"{folder}: {state}; name the folder that holds {what}.")
    return folder


def read_csv(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The lines of a table by their columns, as text editors and spreadsheets save it in UTF-8.

    Cells are stripped of spaces. Commas, semicolons or tabs separate them, whichever make the columns.

    Args:
        table: the file.
        columns: what its first line has to name, in any case.

    Returns:
        a dictionary a line, its keys in lower case.

    Raises:
        InputError: when it is not UTF-8, or lacks a column or any line, or has a line of more cells than the first.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
        tables = [list(csv.reader(io.StringIO(text, newline=""), delimiter=mark)) for mark in ",;\t"]
    except UnicodeDecodeError as error:
        raise InputError(f"{table}: is not UTF-8 ({error.reason}); save it as CSV UTF-8.") from error
    except (OSError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read ({error}); save it as CSV UTF-8.") from error
    for lines in tables:
        header, *rows = [[cell.strip() for cell in line] for line in lines if any(map(str.strip, line))] or [[]]
        header = [name.lower() for name in header]
        if set(columns) <= set(header) and rows:
            long = next((row for row in rows if len(row) > len(header)), None)
            if long is not None:
                raise InputError(
                    f"{table}: the line of {long[0]} has {len(long)} cells, the first line {len(header)}; mend it."
                )
            return [dict(zip(header, row + [""] * len(header), strict=False)) for row in rows]
    needed = ",".join(columns)
    raise InputError(f"{table}: needs a first line {needed} and a line for each image, with commas between cells.")


def files_by_stem(
    folders: Sequence[Path],
    endings: tuple[str, ...],
    problems: list[str],
    stem_of: Callable[[str], str | None] = str,
    deep: bool = False,
) -> dict[str, Path]:
    """Maps the stem of every file in some folders to the file, in the order of the paths.

    Stems are in Unicode's composed form, so that an image from macOS finds its mask from elsewhere.

    Args:
        folders: leftovers of systems in them are passed over.
        endings: in lower case, with the dot.
        problems: gets a line for each stem that two files share, the first of which stays, and for each file whose
            name is in bytes that are no text.
        stem_of: makes an image's id of a file's stem; None passes the file over.
        deep: search the folders' subfolders, too.

    Raises:
        InputError: when a folder may not be read.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        for path in paths_in(folder, deep):
            name = unicodedata.normalize("NFC", path.name)
            ending = next((e for e in sorted(endings, key=len, reverse=True) if name.lower().endswith(e)), None)
            stem = None if ending is None else stem_of(name[: len(name) - len(ending)])
            if stem is None:
                continue
            if not is_text(name):
                problems.append(f"{shown(path)}: has a name that is not UTF-8; rename it.")
            elif stem in found:
                problems.append(f"{path}: stands for the same image as {found[stem]}; rename or remove one of the two.")
            else:
                found[stem] = path
    return found


def paths_in(folder: Path, deep: bool = False) -> list[Path]:
    """The files of a folder in order, without leftovers of systems.

    Args:
        folder: where they lie.
        deep: search its subfolders, too.

    Raises:
        InputError: when it may not be read.
    """
    try:
        paths = sorted(folder.rglob("*") if deep else folder.iterdir())
        return [path for path in paths if not is_leftover(path, folder) and not path.is_dir()]
    except PermissionError as error:
        place = error.filename or folder
        raise InputError(f"{place}: may not be read; mend the folder's permissions.") from None


def is_text(name: str) -> bool:
    """Whether a file's name is text, and not bytes of another encoding."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def shown(path: Path | str) -> str:
    """A path that can be printed and written: bytes that are no text are escaped."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


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
