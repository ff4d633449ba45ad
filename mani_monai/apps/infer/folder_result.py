"""What became of every image of a folder, as the summary says it."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TextIO

from mani_monai.utils.atomic import replacing
from mani_monai.utils.json_files import save_json

DONE, BEFORE, FAILED = "done", "done before", "failed"
NOT_KNOWN = "pixel size not known"


@dataclass(frozen=True)
class ImageResult:
    """One image.

    Attributes:
        image: its file's name.
        status: "done", "done before" or "failed".
        height: in pixels, as the rest where no unit is named.
        width: likewise.
        nuclei: how many.
        area_share: the part of the image that they cover.
        mean_area: of a nucleus.
        mean_area_um2: the same in square micrometres, where the image's pixel size is known.
        mpp: side of the image's pixels in micrometres.
        scale: by what its sides were multiplied for the network.
        pixel_size: in words: who says so, whether the image was rescaled, or that it is not known.
        seconds: spent on it; decoding, network and writing of several images overlap.
        note: what was converted, or why it failed.
    """

    image: str
    status: str
    height: int | None = None
    width: int | None = None
    nuclei: int | None = None
    area_share: float | None = None
    mean_area: float | None = None
    mean_area_um2: float | None = None
    mpp: float | None = None
    scale: float | None = None
    pixel_size: str = ""
    seconds: float | None = None
    note: str = ""


@dataclass(frozen=True)
class FolderResult:
    """A folder.

    Attributes:
        facts: of the bundle and of how it ran.
        images: one result an image, by name.
        left_out: files in the folder that are no images by their names.
        summary: the CSV.
    """

    facts: Mapping[str, Any]
    images: Sequence[ImageResult]
    left_out: int
    summary: Path
    failed: Sequence[ImageResult] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "failed", [result for result in self.images if result.status == FAILED])

    @property
    def last_line(self) -> str:
        """How many images ended how, with how many nuclei, and where the summary lies."""
        counts = {status: sum(r.status == status for r in self.images) for status in (DONE, BEFORE, FAILED)}
        parts = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        unknown = sum(NOT_KNOWN in result.pixel_size for result in self.images)
        sizes = f"; pixel size not known of {unknown}" if unknown else ""
        nuclei = sum(result.nuclei or 0 for result in self.images)
        return f"{len(self.images)} images: {parts}; {nuclei} nuclei{sizes}; summary: {self.summary}"


def write_summary(result: FolderResult) -> None:
    """Writes ``summary.csv``, a line an image, and ``summary.json`` beside it, with the facts of the run.

    Raises:
        InputError: when they cannot be written.
    """
    rows = [asdict(image) for image in result.images]
    with replacing(result.summary) as partial, _open_table(partial) as stream:
        writer = csv.DictWriter(stream, [column.name for column in fields(ImageResult)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    content = {**result.facts, "left_out": result.left_out, "images": rows}
    save_json(result.summary.with_suffix(".json"), content)


def _open_table(path: Path) -> TextIO:
    return open(path, "w", encoding="utf-8", errors="backslashreplace", newline="")  # a path may be in other bytes


def report(result: FolderResult) -> None:
    """Prints what a user has to know at the end: unknown pixel sizes and failures to standard error, then one line."""
    unknown = [image for image in result.images if NOT_KNOWN in image.pixel_size]
    if unknown:
        of_model = result.facts["network_mpp"] is None
        whose = "of the network's training" if of_model else f"of {len(unknown)} images, e.g. {unknown[0].image}"
        remedy = "export it with --mpp" if of_model else "name it with --mpp"
        print(f"warning: pixel size not known {whose}: taken as equal; {remedy}.", file=sys.stderr)
    if result.left_out:
        print(f"{result.left_out} other files were left out: no PNG, TIFF, JPEG or BMP.", file=sys.stderr)
    for image in result.failed:
        print(f"failed: {image.note}", file=sys.stderr)
    print(result.last_line)
