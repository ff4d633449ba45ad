"""What a reader of a public data set hands on: records, what it left out, and what it could not pair."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mani_monai.utils.errors import InputError

from .rasters import RawImage, RawMask

KINDS = ("auto", "binary", "ids")
_SEPARATOR_LINE = re.compile(r'\A"?sep=[^\r\n]{1,2}(\r\n?|\n)', re.IGNORECASE)
"""What Excel reads as the name of the separator, above the table."""
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


def read_csv(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The lines of a table by their columns, as text editors and spreadsheets save it in UTF-8.

    Cells are stripped of spaces. Commas, semicolons or tabs separate them, whichever make the columns. A first line
    ``sep=;`` is Excel's, and is passed over.

    Args:
        table: the file.
        columns: what its first line has to name, in any case.

    Returns:
        a dictionary a line, its keys in lower case.

    Raises:
        InputError: when it is not UTF-8, holds control characters, lacks a column or any line, has a column twice, or
            has a line of more cells than the first.
    """
    try:
        text = _SEPARATOR_LINE.sub("", table.read_text(encoding="utf-8-sig"))
        tables = [list(csv.reader(io.StringIO(text, newline=""), delimiter=mark)) for mark in ",;\t"]
    except UnicodeDecodeError as error:
        raise InputError(f"{table}: is not UTF-8 ({error.reason}); save it as CSV UTF-8.") from error
    except (OSError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read ({error}); save it as CSV UTF-8.") from error
    if "\0" in text:
        raise InputError(f"{table}: holds NUL characters, as a damaged or binary file does; save it as CSV UTF-8.")
    for lines in tables:
        header, *rows = [[cell.strip() for cell in line] for line in lines if any(map(str.strip, line))] or [[]]
        header = [name.lower() for name in header]
        if set(columns) <= set(header) and rows:
            twice = next((name for name in columns if header.count(name) > 1), None)
            if twice is not None:
                raise InputError(f"{table}: has the column {twice} twice; keep one of the two.")
            long = next((row for row in rows if len(row) > len(header)), None)
            if long is not None:
                raise InputError(
                    f"{table}: the line of {long[0]} has {len(long)} cells, the first line {len(header)}; mend it."
                )
            return [dict(zip(header, row + [""] * len(header), strict=False)) for row in rows]
    needed = ",".join(columns)
    raise InputError(f"{table}: needs a first line {needed} and a line for each image, with commas between cells.")


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
