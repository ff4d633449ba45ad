"""Damage within a packed part of a TIFF: what it unpacks to is less or more than its pixels."""

from __future__ import annotations

import re

from PIL import ImageFile
from tifffile import COMPRESSION, PHOTOMETRIC, PLANARCONFIG, TIFF, TiffPage

CHECKED = {COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE, COMPRESSION.LZMA}
"""Compressions with a checksum or the like, which decoders for Pillow pass over."""
MEASURED = {COMPRESSION.LZW, COMPRESSION.PACKBITS, COMPRESSION.ZSTD}
"""Compressions without one, of which a part's length can be told."""
_RAW, _BLOCK = 64, 1 << 17  # of Zstandard: a block that shrinks by less than a share is not packed, and its bytes
_ZEROS = re.compile(rb"\0{256,}")


def part_fault(page: TiffPage, part: bytes, number: int) -> str:
    """What is wrong with a part of a TIFF's page; empty where nothing can be seen.

    Args:
        page: whose compression is one of ``CHECKED`` or ``MEASURED``.
        part: as it is stored.
        number: which one it is.
    """
    if page.compression in CHECKED:
        try:
            TIFF.DECOMPRESSORS[page.compression](part)
        except Exception:  # each library has its own
            return "a part differs from its checksum"
        return ""
    if page.compression == COMPRESSION.ZSTD:
        longest = max((len(zeros.group()) for zeros in _ZEROS.finditer(part)), default=0)
        if longest > 256 + min(len(part), _BLOCK) // _RAW:  # zeros that a block which is not packed may hold
            return f"{longest:,} of a part's bytes are zeros"
    if page.photometric == PHOTOMETRIC.YCBCR:  # whose parts may hold less than their pixels
        return ""
    whole, last = _sizes(page, number)
    too_long = _unpacks(page, part, whole + 1) or (
        last < whole and _unpacks(page, part, last + 1) and not _unpacks(page, part, whole)
    )
    return "a part unpacks to more than its pixels" if too_long else ""


def _sizes(page: TiffPage, number: int) -> tuple[int, int]:
    """Bytes of a whole part, and of this one, where it is a last strip of fewer rows."""
    samples = page.samplesperpixel if page.planarconfig == PLANARCONFIG.CONTIG else 1
    bits = max(page.bitspersample) if isinstance(page.bitspersample, tuple) else page.bitspersample
    bits *= samples
    if page.is_tiled:
        size = page.tilelength * -(-page.tilewidth * bits // 8)
        return size, size
    rows = min(page.rowsperstrip, page.imagelength)
    row = -(-page.imagewidth * bits // 8)
    strips = -(-page.imagelength // rows)
    return rows * row, min(rows, page.imagelength - number % strips * rows) * row


def _unpacks(page: TiffPage, part: bytes, size: int) -> bool:
    """Whether a part unpacks to so many bytes at least, as a TIFF of one row of grey."""
    fill = int(page.tags.valueof(266, 1))
    count = 10
    tags = {256: size, 257: 1, 258: 8, 259: int(page.compression), 262: 1, 266: fill, 273: 14 + 12 * count, 277: 1}
    tags |= {278: 1, 279: len(part)}
    entries = b"".join(_little(tag, 2) + _little(4, 2) + _little(1, 4) + _little(n, 4) for tag, n in tags.items())
    parser = ImageFile.Parser()
    try:
        parser.feed(b"II*\0" + _little(8, 4) + _little(count, 2) + entries + bytes(4) + part)
        parser.close()
    except Exception:  # of a part that is too short Pillow raises whatever it stumbles over
        return False
    return True


def _little(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little")
