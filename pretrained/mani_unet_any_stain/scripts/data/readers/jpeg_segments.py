"""The segments of a JPEG, and the bits of its scans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

START, FRAMES, PROGRESSIVE, SCAN, END = b"\xff\xd8", (0xC0, 0xC1, 0xC2), 0xC2, 0xDA, 0xD9
RESTART, FIRST_RESTART, RESTARTS = re.compile(rb"\xff[\xd0-\xd7]"), 0xD0, 8
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")


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


def bits_of(codes: bytes) -> NDArray[np.uint8]:
    """Bits of codes, the highest of each byte first."""
    return np.unpackbits(np.frombuffer(codes, np.uint8))
