"""What became of every image of a folder: a record of each, written after its outputs, and the summary of all."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from mani_monai.data.pixel_size import unsized
from mani_monai.utils.errors import counted
from mani_monai.utils.folders import file_hash
from mani_monai.utils.json_files import save_json, write_csv

RECORDS = "records"
FORM = 7  # raise it when the same weights would give other outputs
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
        below: a line on images in subfolders, which are left out, where there are some.
    """

    facts: Mapping[str, Any]
    images: Sequence[ImageResult]
    left_out: int
    summary: Path
    below: Sequence[str] = ()
    failed: Sequence[ImageResult] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "failed", [result for result in self.images if result.status == FAILED])

    @property
    def last_line(self) -> str:
        """How many images ended how, with how many nuclei, and where the summary lies."""
        counts = {status: sum(r.status == status for r in self.images) for status in (DONE, BEFORE, FAILED)}
        parts = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        unknown = sum(NOT_KNOWN in result.pixel_size for result in self.images)
        whose = "the model" if self.facts["network_mpp"] is None else counted(unknown, "image")
        sizes = f"; {whose} without a pixel size" if unknown else ""
        nuclei = sum(result.nuclei or 0 for result in self.images)
        images, found = counted(len(self.images), "image"), counted(nuclei, "nucleus", "nuclei")
        return f"{images}: {parts}; {found}{sizes}; summary: {self.summary}"


def write_summary(result: FolderResult) -> None:
    """Writes ``summary.csv``, a line an image, and ``summary.json`` beside it, with the facts of the run.

    Raises:
        InputError: when they cannot be written.
    """
    rows = [asdict(image) for image in result.images]
    write_csv(result.summary, rows, [column.name for column in fields(ImageResult)])
    content = {**result.facts, "left_out": result.left_out, "images": rows}
    save_json(result.summary.with_suffix(".json"), content)


def report(result: FolderResult) -> None:
    """Prints what a user has to know at the end: unknown pixel sizes and failures to standard error, then one line."""
    unknown = [image for image in result.images if NOT_KNOWN in image.pixel_size]
    if unknown:
        network = result.facts["network_mpp"]
        line = "the model has no pixel size, so that no image is rescaled; export its run with --mpp."
        if network is not None:
            line = f"{unsized(len(unknown), unknown[0].image, network)}; name it with --mpp."
        print(f"warning: {line}", file=sys.stderr)
    if result.left_out:
        print(
            f"left out: {counted(result.left_out, 'other file')}, no PNG, TIFF, JPEG or BMP; mani slides reads slides.",
            file=sys.stderr,
        )
    for line in result.below:
        print(f"left out: {line}", file=sys.stderr)
    name_failed(result)
    print(result.last_line)


def name_failed(result: FolderResult) -> None:
    """Prints why each image failed, to standard error."""
    for image in result.failed:
        print(f"failed: {image.note}", file=sys.stderr)


@dataclass(frozen=True)
class Record:
    """What was written of an image.

    Attributes:
        key: what the outputs follow from: image, weights, settings.
        outputs: SHA-256 of each file by its name.
        result: the image's line in the summary.
        source: the image's path; empty in records that do not hold it.
    """

    key: Mapping[str, Any]
    outputs: Mapping[str, str]
    result: Mapping[str, Any]
    source: str = ""

    def is_of_another(self, key: Mapping[str, Any], path: Path) -> bool:
        """Whether it tells of another image, elsewhere, than the one of this key and path."""
        return self.key.get("image") != key["image"] and self.source not in ("", str(path.resolve()))

    def changed(self, key: Mapping[str, Any], out: Path, names: Sequence[str]) -> list[str]:
        """Files that somebody changed since, perhaps to correct them, of those that writing these anew would replace.

        Args:
            key: what the new outputs follow from; those of another key are all taken away.
            out: the folder of the outputs.
            names: the files that are wanted.
        """
        return [
            name
            for name, digest in self.outputs.items()
            if (name in names or self.key != key) and Path(name).name == name
            if (out / name).is_file() and file_hash(out / name) != digest
        ]


def record_path(out: Path, image: str) -> Path:
    """Where the record of an image lies."""
    return out / RECORDS / f"{image}.json"


def read_record(out: Path, image: str) -> Record | None:
    """Reads the record of an image; None where there is none that can be read."""
    try:
        content = json.loads(record_path(out, image).read_text(encoding="utf-8"))
        key, outputs, result = (dict(content[part]) for part in ("key", "outputs", "result"))
        if not _is_result(result):
            return None
        return Record(key, outputs, result, str(content.get("source", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_result(result: Mapping[str, Any]) -> bool:
    """Whether a record's result is one of an image, and not what somebody wrote there."""
    numbers = {"height", "width", "nuclei", "area_share", "mean_area", "mean_area_um2", "mpp", "scale", "seconds"}
    known = {column.name for column in fields(ImageResult)}
    texts = known - numbers
    return set(result) <= known and all(
        isinstance(value, str) if name in texts else value is None or type(value) in (int, float)
        for name, value in result.items()
    )


def write_record(out: Path, image: str, record: Record) -> None:
    """Writes the record of an image whose outputs are there.

    Raises:
        InputError: when it cannot be written.
    """
    content = {"key": record.key, "outputs": record.outputs, "result": record.result, "source": record.source}
    save_json(record_path(out, image), content)


def is_done(record: Record | None, key: Mapping[str, Any], out: Path, names: Sequence[str]) -> bool:
    """Whether outputs of the very same image, weights and settings are there, whole.

    Args:
        record: of the image.
        key: as it has to be.
        out: the folder of the outputs.
        names: the files that are wanted.
    """
    if record is None or record.key != key:
        return False
    return all(
        name in record.outputs and (out / name).is_file() and file_hash(out / name) == record.outputs[name]
        for name in names
    )


def begin(record: Record | None, key: Mapping[str, Any], out: Path, image: str) -> dict[str, str]:
    """Takes away an image's record before its outputs are written anew, and outputs of another image or weights.

    Returns:
        outputs of the same key, which stay.
    """
    record_path(out, image).unlink(missing_ok=True)
    if record is None or record.key == key:
        return {} if record is None else dict(record.outputs)
    for name in record.outputs:
        if Path(name).name == name:  # a record is a file that anybody may have written
            (out / name).unlink(missing_ok=True)
    return {}
