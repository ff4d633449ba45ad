"""Damage within an image file that decoders pass over: a stretch of zeros, other bytes under a checksum."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tifffile import COMPRESSION, TIFF, TiffPage

from scripts.utils.errors import InputError

_DEFLATE = {COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE}
_ZEROS = re.compile(rb"\0{256,}")
_BITS = 24  # that a JPEG spends at most on a block of one shade, whose codes are all zeros
_BLOCK = 8  # pixels of a block's edge
_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def check_damage(path: Path, image: Image.Image, page: TiffPage | None) -> None:
    """Refuses what Pillow decodes although it is damaged.

    Without a checksum, as in TIFFs that are not packed, nothing can be known.

    Args:
        path: the file.
        image: decoded.
        page: tifffile's view of it, of a TIFF.

    Raises:
        InputError: when a part of a TIFF differs from its checksum, or a JPEG has a stretch of zeros that its picture
            does not account for.
        SyntaxError: Pillow's, of a PNG whose chunk differs from its checksum.
    """
    if page is not None:
        reason = _of_page(page)
    elif image.format in ("JPEG", "MPO"):
        reason = _of_jpeg(path.read_bytes(), image)
    else:
        reason = ""
        if image.format == "PNG":
            with Image.open(path) as again:
                again.verify()
    if reason:
        raise InputError(f"{path}: is damaged ({reason}); copy it again.")


def _of_page(page: TiffPage) -> str:
    if page.compression not in _DEFLATE:
        return ""
    file = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(offset)
        if part := file.read(count):
            try:
                TIFF.DECOMPRESSORS[page.compression](part)
            except Exception:  # each library has its own
                return "a part differs from its checksum"
    return ""


def _of_jpeg(content: bytes, image: Image.Image) -> str:
    """Codes of zeros alone stand for blocks of one shade: the picture has to show as many as a stretch is long."""
    longest = max((len(zeros.group()) for scan in _scans(content) for zeros in _ZEROS.finditer(scan)), default=0)
    if not longest:
        return ""
    grey = np.asarray(image.convert("L"))
    rows, columns = (side // _BLOCK for side in grey.shape)
    blocks = grey[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    flat = int((np.ptp(blocks, axis=(1, 3)) == 0).sum())
    return f"{longest:,} of its bytes are zeros" if flat * _BITS < longest * 8 else ""


def _scans(content: bytes) -> Iterator[bytes]:
    """The compressed parts of a JPEG's first picture: what follows each start of a scan, up to the next marker."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] != _END:
        scan = content[place + 1] == _SCAN
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        if scan:
            marker = _MARKER.search(content, place)
            end = marker.start() if marker else len(content)
            yield content[place:end]
            place = end
