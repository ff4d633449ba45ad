"""Damage within an image file that decoders pass over: a part that is missing, zeros, other bytes than a checksum's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile
from tifffile import COMPRESSION, TIFF, TiffPage

from mani_monai.utils.errors import InputError

from .jpeg_scans import (
    FIRST_RESTART,
    FRAMES,
    PROGRESSIVE,
    RESTART,
    RESTARTS,
    SCAN,
    START,
    Segment,
    holds_means,
    segments_of,
    zeros_fit,
)
from .packed_parts import CHECKED, MEASURED, part_fault
from .unchecked_codes import jpeg2000_fault, webp_fault

_ZEROS = re.compile(rb"\0{256,}")
_BITS = 24  # that a JPEG spends at most on a block of one shade, whose codes are all zeros
_BLOCK = 8  # pixels of a block's edge
_BAND = 1024  # rows that are compared at once
_COEFFICIENTS = 64  # of a block
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the type of colour
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced PNG's passes: the first pixel's column and row, and the steps."""
_MISSING = "a part of its picture is missing"
_CODES = np.random.default_rng(0).integers(1, 255, 96, np.uint8).tobytes()
"""Codes of which a scan makes the blocks that it lacks."""
_REST = 8  # bytes at a scan's end of which its last blocks need some


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
        reason = _of_zeros(content, image) or _of_end(content, image) or _of_rest(content, image)
    elif image.format == "WEBP":
        reason = webp_fault(path.read_bytes())
    elif image.format == "JPEG2000":
        reason = jpeg2000_fault(path.read_bytes())
    else:
        reason = ""
        if image.format == "PNG":
            with Image.open(path) as again:
                again.verify()
            reason = _of_png(path.read_bytes())
    if reason:
        raise InputError(f"{path}: is damaged ({reason}); copy it again.")


def jpeg_fault(content: bytes, decoded: Callable[[bytes], Image.Image] | None = None) -> str:
    """What is wrong with a JPEG that decoders fill with grey; empty where nothing is, or its codes are rare.

    Args:
        content: the JPEG, with its tables.
        decoded: gives its picture, or a smaller one in which a missing part shows; Pillow's by default.
    """
    if _ZEROS.search(content):
        try:
            reason = _of_zeros(content, _decoded(content))
        except OSError:
            return _MISSING
        if reason:
            return reason
    return _of_end(content, decoded=decoded)


def _of_page(page: TiffPage) -> str:
    if not all(page.dataoffsets) or not all(page.databytecounts):  # Pillow reads such a part from the file's beginning
        return _MISSING
    if page.compression not in (*CHECKED, *MEASURED, COMPRESSION.JPEG):
        return ""
    file = page.parent.filehandle
    for number, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        file.seek(offset)
        part = file.read(count)
        if page.compression == COMPRESSION.JPEG:
            part = (page.jpegtables or b"")[:-2] + part[2 if page.jpegtables else 0 :]
            reason = _of_end(part) or _of_rest(part)
        else:
            reason = part_fault(page, part, number)
        if reason:
            return reason
    return ""


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


def _of_zeros(content: bytes, image: Image.Image) -> str:
    """Codes of zeros alone stand for blocks of one shade: the picture has to show as many as a stretch is long."""
    segments = list(segments_of(content))
    frame = next((each for each in segments if each.marker in FRAMES), None)
    longest = 0
    for scan in segments:
        stretches = [len(zeros.group()) for zeros in _ZEROS.finditer(content, scan.start, scan.end)]
        if not stretches:
            continue
        if frame is None or not holds_means(frame, scan):
            longest = max(longest, *stretches)
        elif not zeros_fit(content, image, segments, frame, scan, _ZEROS):
            return f"{max(stretches):,} of its bytes are zeros"
    if not longest:
        return ""
    grey = np.asarray(image.convert("L"))
    rows, columns = (side // _BLOCK for side in grey.shape)
    blocks = grey[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    flat = int((np.ptp(blocks, axis=(1, 3)) == 0).sum())
    return f"{longest:,} of its bytes are zeros" if flat * _BITS < longest * 8 else ""


def _of_end(
    content: bytes, image: Image.Image | None = None, decoded: Callable[[bytes], Image.Image] | None = None
) -> str:
    """A whole scan ends with its last block, so that further codes behind it change nothing in the picture.

    Args:
        content: a JPEG in Huffman's codes; of another kind nothing is said.
        image: the same, decoded; by default it is decoded here.
        decoded: decodes it, and what it is compared with.
    """
    segments = list(segments_of(content)) if content.startswith(START) else []
    frame = next((each for each in segments if each.marker in FRAMES), None)
    if frame is None:
        return ""
    if not _has_all_scans(frame, segments):
        return _MISSING
    further, done = [], 0
    for scan in segments:
        if scan.marker == SCAN:
            restarts = [mark[1] - FIRST_RESTART for mark in RESTART.findall(content, scan.start, scan.end)]
            if restarts != [number % RESTARTS for number in range(len(restarts))]:
                return _MISSING
            restart = bytes([0xFF, FIRST_RESTART + len(restarts) % RESTARTS])
            further += [content[done : scan.end], _CODES, restart, _CODES]
            done = scan.end
    decoded = decoded or _decoded
    try:
        image = decoded(content) if image is None else image
        other = decoded(b"".join([*further, content[done:]]))
    except OSError:
        return _MISSING
    return "" if _alike(image, other) else _MISSING


def _of_rest(content: bytes, image: Image.Image | None = None) -> str:
    """A decoder that has lost its place has codes left at its picture's end, so that others change nothing."""
    segments = list(segments_of(content)) if content.startswith(START) else []
    scan = next((each for each in reversed(segments) if each.marker == SCAN), None)
    if scan is None or any(each.marker == PROGRESSIVE for each in segments):
        return ""
    codes = RESTART.split(content[scan.start : scan.end])[-1].rstrip(b"\0\xff")
    if len(codes) < 2 * _REST:
        return ""
    end = content.rindex(codes, scan.start, scan.end) + len(codes)
    start = end - _REST - (content[end - _REST - 1] == 0xFF)
    try:
        image = _decoded(content) if image is None else image
        other = _decoded(content[:start] + _CODES[: end - start] + content[end:])
    except OSError:
        return ""
    return "its codes go on behind its picture" if _alike(image, other) else ""


def _alike(image: Image.Image, other: Image.Image) -> bool:
    width, height = image.size
    bands = ((0, top, width, min(top + _BAND, height)) for top in range(0, height, _BAND))
    return all(np.array_equal(np.asarray(image.crop(band)), np.asarray(other.crop(band))) for band in bands)


def _has_all_scans(frame: Segment, segments: list[Segment]) -> bool:
    """Whether every component comes, and of a progressive JPEG every coefficient with its last bit."""
    coefficients = _COEFFICIENTS if frame.marker == PROGRESSIVE else 1
    missing = {(component, number) for component in frame.words[6::3] for number in range(coefficients)}
    for scan in segments:
        if scan.marker != SCAN or len(scan.words) < 4:
            continue
        first, last, bits = scan.words[-3:]
        if frame.marker != PROGRESSIVE:
            first, last, bits = 0, 0, 0
        if bits & 15 == 0:
            missing -= {(component, number) for component in scan.words[1:-3:2] for number in range(first, last + 1)}
    return not missing


def _decoded(content: bytes) -> Image.Image:
    parser = ImageFile.Parser()
    parser.feed(content)
    return parser.close()
