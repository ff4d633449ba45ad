"""The segments of a JPEG, and scans that hold the means of blocks alone: whether zeros in them can be right.

A progressive JPEG has such scans. A mean costs a bit or two, whatever its block shows. Blocks of one mean make a
stretch of zeros in a whole picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

START, FRAMES, PROGRESSIVE, SCAN, END = b"\xff\xd8", (0xC0, 0xC1, 0xC2), 0xC2, 0xDA, 0xD9
RESTART, FIRST_RESTART, RESTARTS = re.compile(rb"\xff[\xd0-\xd7]"), 0xD0, 8
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_TABLES, _INTERVAL = 0xC4, 0xDD
_LONGEST = 16  # bits of a code
_BLOCK = 8  # pixels of a block's edge
_NO_CODE = 2**40  # bits that a code takes which is none: more than any scan has
_MEANS, _STEPS = 16, 8
"""Means, and steps from one to the next, from which it is no chance that all means are even: one of 2 ** 16."""


@dataclass(frozen=True)
class Segment:
    """A segment of a JPEG: its marker, what it says, and where the codes behind it begin and end: in a scan alone."""

    marker: int
    words: bytes
    start: int
    end: int

    def intervals(self, content: bytes) -> list[bytes]:
        """The codes of a scan from one restart to the next, without the zeros that are put behind 255."""
        return [codes.replace(b"\xff\x00", b"\xff") for codes in RESTART.split(content[self.start : self.end])]


def segments_of(content: bytes) -> Iterator[Segment]:
    """The segments of a JPEG's first picture; the codes of a scan end at the next marker."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] != END:
        marker, start = content[place + 1], place + 2
        if marker == 0xFF:  # before a marker there may be more of them
            place += 1
            continue
        place = start + int.from_bytes(content[start : start + 2], "big")
        words, start = content[start + 2 : place], place
        if marker == SCAN:
            following = _MARKER.search(content, place)
            place = following.start() if following else len(content)
        yield Segment(marker, words, start, place)


def holds_means(frame: Segment, scan: Segment) -> bool:
    """Whether a scan holds means alone."""
    return frame.marker == PROGRESSIVE and scan.words[-3:-1] == b"\0\0"


def zeros_fit(
    content: bytes, image: Image.Image, segments: Sequence[Segment], frame: Segment, scan: Segment, zeros: re.Pattern
) -> bool:
    """Whether a whole picture can have the stretches of zeros of a scan of means.

    The codes of a first scan have to end with its last block. A further scan holds the means' last bits: where these
    are 0, the means have to be few, or a ramp.

    Args:
        content: the JPEG.
        image: the same, decoded.
        segments: of it.
        frame: one of them.
        scan: likewise, one that :func:`holds_means`.
        zeros: what a stretch is.
    """
    grid = _Grid(frame, scan)
    interval = _last(segments, scan, _INTERVAL)
    each = int.from_bytes(interval[-1].words[:2], "big") if interval and any(interval[-1].words[:2]) else grid.units
    parts = scan.intervals(content)
    counts = [min(each, grid.units - start) for start in range(0, grid.units, each)]
    if len(counts) != len(parts):
        return False
    if not scan.words[-1] >> 4:
        steps = _code_steps(_last(segments, scan, _TABLES))
        tables = [steps.get(table) for table in grid.tables]
        return all(_ends_with(part, count, tables) for part, count in zip(parts, counts, strict=True))
    means = grid.by_unit(_means(image, frame.words[8]))
    stretches = (
        means[number * each + 8 * match.start() // grid.blocks : number * each + 8 * match.end() // grid.blocks]
        for number, part in enumerate(parts)
        for match in zeros.finditer(part)
    )
    return not any(_are_many(stretch) for stretch in stretches)


class _Grid:
    """The units of a scan, in its order: blocks of one component, or of all that are interleaved.

    Attributes:
        units: how many there are.
        blocks: of a unit.
        tables: of each block's codes, by its number.
    """

    def __init__(self, frame: Segment, scan: Segment) -> None:
        height, width = (int.from_bytes(frame.words[n : n + 2], "big") for n in (1, 3))
        sampling = {frame.words[n]: divmod(frame.words[n + 1], 16) for n in range(6, len(frame.words) - 2, 3)}
        most = [max(each[axis] for each in sampling.values()) for axis in (0, 1)]
        components = [(scan.words[n], scan.words[n + 1] >> 4) for n in range(1, len(scan.words) - 3, 2)]
        if len(components) == 1:
            across, down = sampling[components[0][0]]
            self._edges = most[0] // across, most[1] // down  # in blocks of the finest component
            self.tables = [components[0][1]]
            columns, rows = -(-width * across // most[0]), -(-height * down // most[1])
            self._across, self._down = -(-columns // _BLOCK), -(-rows // _BLOCK)
        else:
            self._edges = most[0], most[1]
            self.tables = [table for name, table in components for _ in range(sampling[name][0] * sampling[name][1])]
            self._across, self._down = -(-width // (_BLOCK * most[0])), -(-height // (_BLOCK * most[1]))
        self.units, self.blocks = self._across * self._down, len(self.tables)

    def by_unit(self, means: NDArray) -> NDArray:
        """Units x blocks: the means of the finest component, in the scan's order.

        Args:
            means: of the blocks, rows x columns.
        """
        across, down = self._edges
        missing = self._down * down - means.shape[0], self._across * across - means.shape[1]
        whole = np.pad(means, [(0, max(count, 0)) for count in missing], "edge")
        whole = whole[: self._down * down, : self._across * across]
        units = whole.reshape(self._down, down, self._across, across).swapaxes(1, 2)
        return units.reshape(self.units, down * across)


def _last(segments: Sequence[Segment], scan: Segment, marker: int) -> list[Segment]:
    """The segments of a kind before a scan."""
    return [each for each in segments[: segments.index(scan)] if each.marker == marker]


def _code_steps(tables: Sequence[Segment]) -> dict[int, NDArray[np.int64]]:
    """By a table's number: how many bits a mean takes with its code, by the 16 bits that begin with it."""
    steps: dict[int, NDArray[np.int64]] = {}
    for words in (each.words for each in tables):
        while len(words) > _LONGEST:
            kind, lengths = words[0], words[1 : _LONGEST + 1]
            symbols, words = words[_LONGEST + 1 :][: sum(lengths)], words[_LONGEST + 1 + sum(lengths) :]
            table, place, number = np.full(2**_LONGEST, _NO_CODE), 0, 0
            for length, count in enumerate(lengths, 1):
                for symbol in symbols[number : number + count]:
                    size = 2 ** (_LONGEST - length)
                    table[place : place + size], place = length + symbol, place + size
                number += count
            if kind < _LONGEST:  # of means
                steps[kind] = table
    return steps


def _bits_of(codes: bytes) -> NDArray[np.uint8]:
    """Bits of codes, the highest of each byte first."""
    return np.unpackbits(np.frombuffer(codes, np.uint8))


def _ends_with(codes: bytes, units: int, tables: Sequence[NDArray[np.int64] | None]) -> bool:
    """Whether codes hold so many units, and less than a byte behind them."""
    bits = np.concatenate([_bits_of(codes), np.ones(_LONGEST, np.uint8)]).astype(np.int64)
    count, windows = len(bits) - _LONGEST, np.zeros(len(bits) - _LONGEST, np.int64)
    for shift in range(_LONGEST):
        windows = 2 * windows + bits[shift : shift + count]
    known = {id(table): table[windows].tolist() for table in tables if table is not None}
    steps = [known[id(table)] for table in tables if table is not None]
    if len(steps) != len(tables):
        return False
    place = 0
    try:
        for _ in range(units):
            for step in steps:
                place += step[place]
    except IndexError:  # the codes are too few
        return False
    return 0 <= count - place < 8


def _means(image: Image.Image, table: int) -> NDArray[np.int64]:
    """Rows x columns: the means of a picture's blocks, as even numbers of steps that they are quantised by.

    Args:
        image: decoded from a JPEG.
        table: number of the steps that its first component is quantised by.
    """
    pixels = np.asarray(image if image.mode == "CMYK" else image.convert("L"))
    pixels = pixels if pixels.ndim == 2 else pixels[..., 0]
    rows, columns = (-(-side // _BLOCK) for side in pixels.shape)
    missing = [(0, count * _BLOCK - side) for count, side in zip((rows, columns), pixels.shape, strict=True)]
    means = np.pad(pixels, missing, "edge").reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3))
    step = getattr(image, "quantization", {}).get(table, (_BLOCK,))[0] / _BLOCK  # of 255
    return np.rint(means / max(2 * step, 1)).astype(np.int64)


def _are_many(means: NDArray) -> bool:
    """Whether means are so many, and so far from a ramp, that some would be odd."""
    steps = np.diff(means, axis=0)
    return len(np.unique(means)) > _MEANS and len(np.unique(steps)) > _STEPS
