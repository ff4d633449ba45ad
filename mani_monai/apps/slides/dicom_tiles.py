"""Where the tiles of a DICOM slide lie in its files, where they are JPEG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from mani_monai.apps.slides.dicom_series import levels_of_slide
from mani_monai.apps.slides.jpeg_level import JpegLevel

_JPEG = "1.2.840.10008.1.2.4.50"  # baseline, 8 bits
_FULL, _PICTURE = "TILED_FULL", "VOLUME"  # tiles in rows and without gaps; neither label nor overview
_PIXELS, _ITEM, _HEAD = b"\xe0\x7f\x10\x00", b"\xfe\xff\x00\xe0", 8
_FACTS = [
    "DimensionOrganizationType", "ImageType", "Rows", "Columns", "NumberOfFrames",
    "TotalPixelMatrixRows", "TotalPixelMatrixColumns",
]  # fmt: skip


def dicom_levels(path: Path, sizes: Sequence[tuple[int, int]]) -> dict[int, JpegLevel]:
    """The levels of a slide that are one file each, of tiles of JPEG, by number.

    Args:
        path: one of the slide's files.
        sizes: height and width of its levels in pixels.

    Raises:
        ImportError: without pydicom, which the extra ``dicom`` brings.
    """
    found: dict[tuple[int, int], list[JpegLevel]] = {}
    for file in levels_of_slide(path):
        if (level := _level(file)) is not None:
            found.setdefault(level[0], []).append(level[1])
    return {number: found[size][0] for number, size in enumerate(sizes) if len(found.get(size, ())) == 1}


def _level(path: Path) -> tuple[tuple[int, int], JpegLevel] | None:
    """Height and width of a file's picture, and its tiles; None where it is no level of whole rows of JPEG."""
    from pydicom import dcmread

    with path.open("rb") as stream:
        facts = dcmread(stream, stop_before_pixels=True, specific_tags=_FACTS)
        is_picture = facts.get("DimensionOrganizationType") == _FULL and _PICTURE in facts.get("ImageType", ())
        if not is_picture or facts.file_meta.TransferSyntaxUID != _JPEG:
            return None
        height, width = int(facts.TotalPixelMatrixRows), int(facts.TotalPixelMatrixColumns)
        edges = int(facts.Rows), int(facts.Columns)
        across, down = -(-width // edges[1]), -(-height // edges[0])
        places = list(_fragments(stream))[1:]  # the first is a table of where the others begin
    if not len(places) == across * down == int(facts.NumberOfFrames):
        return None
    return (height, width), JpegLevel(path, edges, across, places, b"")


def _fragments(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Places and lengths of the pieces of the pixels, of a stream that stands before them."""
    head = stream.read(_HEAD + 4)
    while head.startswith(_PIXELS) or head.startswith(_ITEM):
        if head.startswith(_ITEM):
            count = int.from_bytes(head[4:_HEAD], "little")
            yield stream.tell(), count
            stream.seek(count, 1)
        head = stream.read(_HEAD)
