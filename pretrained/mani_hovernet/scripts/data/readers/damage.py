"""What is wrong with an image file: what decoders raise of it in one line, and damage that they pass over.

That is a part that is missing, zeros, and other bytes than a checksum's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from tifffile import COMPRESSION, FILLORDER, PHOTOMETRIC, PLANARCONFIG, TIFF, TiffPage

from scripts.utils.errors import InputError
from scripts.utils.folders import FETCH, is_lfs_pointer

MOST_PIXELS = 178_956_970
"""Pixels of the largest image that is decoded: Pillow's own limit, whatever a program has made of that."""
TOO_LARGE = f"more than {MOST_PIXELS // 10**6} million pixels; cut it into tiles, or use mani slides."
"""The end of a line on a larger one."""
_CHECKED = {COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE, COMPRESSION.LZMA}
"""Compressions with a checksum or the like, which decoders for Pillow pass over."""
_MEASURED = {COMPRESSION.LZW, COMPRESSION.PACKBITS, COMPRESSION.ZSTD}
"""Compressions without one, of which a part's length can be told."""
_RAW, _BLOCK = 64, 1 << 17  # of Zstandard: a block that shrinks by less than a share is not packed, and its bytes
_ZEROS = re.compile(rb"\0{256,}")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the type of colour
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced PNG's passes: the first pixel's column and row, and the steps."""
_MISSING = "a part of its picture is missing"


@contextmanager
def failures_named(path: Path) -> Iterator[None]:
    """Turns what the libraries raise into one line.

    Args:
        path: what the line begins with.

    Raises:
        InputError: whatever they raise.
    """
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist.") from None
    except PermissionError:
        raise InputError(f"{path}: may not be read; mend its permissions, or those of its folder.") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name an image.") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path}: has {TOO_LARGE}") from None
    except UnidentifiedImageError:
        if is_lfs_pointer(path):
            raise InputError(f"{path}: {FETCH}.") from None
        remedy = "store it with 8 bits per channel as PNG or TIFF, or copy it again where it is damaged"
        raise InputError(f"{path}: cannot be decoded (damaged, or of an unknown kind); {remedy}.") from None
    except MemoryError:
        raise InputError(f"{path}: does not fit into memory; cut it into tiles, or use mani slides.") from None
    except Exception as error:  # of a damaged file the libraries raise whatever they stumble over
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be decoded ({reason}); copy it again, or save it as PNG.") from error


def check_damage(path: Path, image: Image.Image, page: TiffPage | None) -> None:
    """Refuses what Pillow decodes although it is damaged.

    Without a checksum other bytes can often not be told, as in pixels that are not packed.

    Args:
        path: the file.
        image: decoded.
        page: tifffile's view of it, of a TIFF.

    Raises:
        InputError: when a part of a TIFF is missing, differs from its checksum or unpacks to another length, or a JPEG
            is cut short, or has a stretch of zeros that its picture does not account for, or a PNG has fewer rows than
            its picture, or codes of a WebP or JPEG 2000 are none.
        SyntaxError: Pillow's, of a PNG whose chunk differs from its checksum.
    """
    if page is not None:
        reason = _of_page(page)
    elif image.format in ("JPEG", "MPO"):
        content = path.read_bytes()[getattr(image, "offset", 0) :]  # of several pictures the one that was decoded
        reason = _of_jpeg(content, image)
    elif image.format in ("WEBP", "JPEG2000"):
        from .unchecked_codes import jpeg2000_fault, webp_fault  # few pictures are

        reason = (webp_fault if image.format == "WEBP" else jpeg2000_fault)(path.read_bytes())
    else:
        reason = ""
        if image.format == "PNG":
            with Image.open(path) as again:
                again.verify()
            reason = _of_png(path.read_bytes())
    if reason:
        raise InputError(f"{path}: is damaged ({reason}); copy it again.")


def _of_jpeg(content: bytes, image: Image.Image | None = None) -> str:
    from .jpeg_damage import picture_fault  # which most TIFFs and all PNGs do without

    return picture_fault(content, image)


def _of_png(content: bytes) -> str:
    """Whether the rows of a PNG end before its picture: Pillow fills what is missing with zeros."""
    header, packed, place = b"", [], len(_PNG)
    while place + 8 <= len(content):
        size, kind = int.from_bytes(content[place : place + 4], "big"), content[place + 4 : place + 8]
        if kind == b"IHDR":
            header = content[place + 8 : place + 8 + size]
        elif kind == b"IDAT":
            packed.append(content[place + 8 : place + 8 + size])
        place += 12 + size
    try:
        rows = TIFF.DECOMPRESSORS[COMPRESSION.DEFLATE](b"".join(packed))
    except Exception:  # each library has its own; Pillow has said what it could not unpack
        return ""
    return _MISSING if len(rows) < _png_bytes(header) else ""


def _png_bytes(header: bytes) -> int:
    """Bytes of the rows of all passes, each with one for its filter."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _PNG_CHANNELS[header[9]]
    total = 0
    for left, top, across, down in _ADAM7 if header[12] else ((0, 0, 1, 1),):
        columns, rows = -((left - width) // across), -((top - height) // down)
        total += rows * (1 + -(-columns * bits // 8)) if columns > 0 and rows > 0 else 0
    return total


def _of_page(page: TiffPage) -> str:
    if not all(page.dataoffsets) or not all(page.databytecounts):  # Pillow reads such a part from the file's beginning
        return _MISSING
    if page.compression not in (*_CHECKED, *_MEASURED, COMPRESSION.JPEG):
        return ""
    file = page.parent.filehandle
    for number, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        file.seek(offset)
        part = file.read(count)
        if page.compression == COMPRESSION.JPEG:
            reason = _of_jpeg((page.jpegtables or b"")[:-2] + part[2 if page.jpegtables else 0 :])
        else:
            reason = part_fault(page, part, number)
        if reason:
            return reason
    return ""


def part_fault(page: TiffPage, part: bytes, number: int) -> str:
    """What is wrong with a part of a TIFF's page; empty where nothing can be seen.

    Args:
        page: whose compression is one of ``_CHECKED`` or ``_MEASURED``.
        part: as it is stored.
        number: which one it is.
    """
    if page.compression in _CHECKED:
        try:
            TIFF.DECOMPRESSORS[page.compression](part)
        except Exception:  # each library has its own
            return "a part differs from its checksum"
        return ""
    if page.compression == COMPRESSION.ZSTD:
        longest = max((len(zeros.group()) for zeros in _ZEROS.finditer(part)), default=0)
        if longest > 256 + min(len(part), _BLOCK) // _RAW:  # zeros that a block which is not packed may hold
            return f"{longest:,} of a part's bytes are zeros"
    if page.photometric == PHOTOMETRIC.YCBCR or page.fillorder != FILLORDER.MSB2LSB:  # counted otherwise
        return ""
    whole, last = _sizes(page, number)
    try:
        unpack = TIFF.DECOMPRESSORS[page.compression]
        length = len(unpack(part))
    except (ImportError, KeyError):  # a library that is not there
        return ""
    except Exception:  # of a library that is stricter than Pillow's, which has decoded it
        return "a part ends within a run" if page.compression == COMPRESSION.PACKBITS and part[-1:] != b"\0" else ""
    return "a part unpacks to more than its pixels" if length > whole or last < length < whole else ""


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
