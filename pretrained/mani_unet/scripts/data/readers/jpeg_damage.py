"""Damage within a JPEG that decoders fill with grey: a part that is missing, zeros, codes that are left over."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFile

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

_MISSING = "a part of its picture is missing"
_ZEROS = re.compile(rb"\0{256,}")
_BITS = 24  # that a JPEG spends at most on a block of one shade, whose codes are all zeros
_BLOCK = 8  # pixels of a block's edge
_BAND = 1024  # rows that are compared at once
_COEFFICIENTS = 64  # of a block
_CODES = np.random.default_rng(0).integers(1, 255, 96, np.uint8).tobytes()
"""Codes of which a scan makes the blocks that it lacks."""
_REST = 8  # bytes at a scan's end of which its last blocks need some


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


def picture_fault(content: bytes, image: Image.Image | None = None) -> str:
    """What is wrong with a JPEG, where its codes are not all there or not all used, too; empty where nothing is.

    Args:
        content: the JPEG, with its tables.
        image: the same, decoded, whose zeros are looked at, too; None of a part of a TIFF.
    """
    zeros = "" if image is None else _of_zeros(content, image)
    return zeros or _of_end(content, image) or _of_rest(content, image)


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
    frames = {each.marker for each in segments if each.marker in FRAMES}  # none of arithmetic codes
    if scan is None or not frames or PROGRESSIVE in frames:
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
