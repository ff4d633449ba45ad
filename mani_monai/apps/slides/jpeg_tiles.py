"""Tiles of a slide whose JPEG data are cut short, which decoders fill with grey without a word."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from tifffile import COMPRESSION, TiffFile, TiffPage

from mani_monai.apps.slides.dicom_series import DICOM_ENDING
from mani_monai.apps.slides.dicom_tiles import dicom_levels
from mani_monai.apps.slides.jpeg_level import JpegLevel
from mani_monai.apps.slides.slide_levels import Levels, unread
from mani_monai.data.readers.jpeg_damage import jpeg_fault


class JpegTiles:
    """The tiles of a slide's levels, each looked at when it is first read.

    Args:
        levels: those of its levels that are tiles of JPEG, by number.
    """

    def __init__(self, levels: dict[int, JpegLevel]) -> None:
        self._levels, self._lock = levels, threading.Lock()
        self._streams = {path: path.open("rb") for path in {level.path for level in levels.values()}}

    @classmethod
    def of(cls, path: Path, sizes: Sequence[tuple[int, int]]) -> JpegTiles | None:
        """The tiles of a file.

        Args:
            path: the slide.
            sizes: height and width of its levels in pixels.

        Returns:
            None where no level is known to be made of tiles of JPEG, as of other formats than TIFF and DICOM.
        """
        try:
            if path.suffix.lower() == DICOM_ENDING:
                levels = dicom_levels(path, sizes)
                return cls(levels) if levels else None
            with TiffFile(path) as tiff:
                pages = [page for page in _all_pages(tiff) if page.is_tiled and page.compression == COMPRESSION.JPEG]
                found = {level: [page for page in pages if page.shape[:2] == size] for level, size in enumerate(sizes)}
                levels = {level: _tiles(path, same[0]) for level, same in found.items() if len(same) == 1}
        except Exception:  # no such file, or one that tifffile or pydicom cannot read, or the latter is missing
            return None
        return cls(levels) if levels else None

    def fault(self, level: int, top: int, left: int, height: int, width: int) -> tuple[int, int, str] | None:
        """The first row and column of a cut, in pixels of the level, that a damaged tile has, and what is wrong.

        Args:
            level: the cut's.
            top: of the cut in pixels of the level.
            left: likewise.
            height: likewise.
            width: likewise.
        """
        tiles = self._levels.get(level)
        if tiles is None:
            return None
        down, right = tiles.edges
        for row in range(top // down, (top + height - 1) // down + 1):
            for column in range(left // right, (left + width - 1) // right + 1):
                number = row * tiles.across + column
                if reason := self._looked_at(tiles, number):
                    return max(row * down, top), max(column * right, left), reason
        return None

    def close(self) -> None:
        """Lets go of the file, once nobody reads it."""
        with self._lock:
            for stream in self._streams.values():
                stream.close()

    def _looked_at(self, tiles: JpegLevel, number: int) -> str:
        if number not in tiles.known:
            offset, count = tiles.places[number]
            with self._lock:
                stream = self._streams[tiles.path]
                stream.seek(offset)
                content = stream.read(count)
            if tiles.tables:
                content = tiles.tables[:-2] + content[2:]
            tiles.known[number] = (
                jpeg_fault(content, _means) if count else ""
            )  # a tile of no bytes is one that was not scanned
        return tiles.known[number]


class WholeLevels:
    """Levels of which no cut has a tile whose data are cut short.

    Args:
        path: the slide, for the message.
        levels: as a library shows them.
        tiles: of the same file.
    """

    def __init__(self, path: Path, levels: Levels, tiles: JpegTiles) -> None:
        self.path, self._levels, self._tiles = path, levels, tiles
        self.sizes, self.steps = levels.sizes, levels.steps
        self.stated, self.background, self.notes = levels.stated, levels.background, levels.notes

    def cut(self, level: int, top: int, left: int, height: int, width: int) -> Image.Image:
        """RGB pixels of a level.

        Raises:
            InputError: when they cannot be decoded, or a part of them is missing; it names the place.
        """
        fault = self._tiles.fault(level, top, left, height, width)
        if fault is not None:
            row, column = (round(place * self.steps[level]) for place in fault[:2])
            raise unread(self.path, row, column, fault[2])
        return self._levels.cut(level, top, left, height, width)

    def close(self) -> None:
        """Lets go of the file, of which both have a handle."""
        self._tiles.close()
        self._levels.close()


def _means(content: bytes) -> Image.Image:
    """The means of a JPEG's blocks, for a quarter of the time that decoding it takes: what is missing shows in them.

    A progressive one is decoded whole: its last scans change no mean.
    """
    image = Image.open(io.BytesIO(content), formats=("JPEG",))
    if "progressive" not in image.info:
        image.draft(None, (1, 1))
    image.load()
    return image


def _all_pages(tiff: TiffFile) -> list[TiffPage]:
    pages = [page for page in tiff.pages if isinstance(page, TiffPage)]
    return pages + [inner for page in pages for inner in page.pages or () if isinstance(inner, TiffPage)]


def _tiles(path: Path, page: TiffPage) -> JpegLevel:
    across = -(-page.imagewidth // page.tilewidth)
    places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    return JpegLevel(path, (page.tilelength, page.tilewidth), across, places, page.jpegtables or b"")
