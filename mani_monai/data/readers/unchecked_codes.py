"""Damage within a WebP or a JPEG 2000, which have no checksum: codes that are left over, bytes that no code has."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from PIL import ImageFile

_LOSSLESS, _LOSSY = 3, 8  # bytes of which a whole stream needs some; its end is filled up
_SHORTEST = 64  # bytes of a stream from which it is told
_LOSSY_HEAD = 10  # bytes before the first part of a lossy stream: its kind and length, a mark, the size
_START = b"\xff\x4f\xff\x51"  # of a codestream, whose next words are its sizes
_TILE, _DATA, _CODING = b"\xff\x90", b"\xff\x93", b"\xff\x52"
_FORBIDDEN = re.compile(rb"\xff[\x90\x93-\xff]")  # a code behind 255 is at most 143; marks of packets are 145 and 146
_NUMBERED = re.compile(rb"\xff\x91\x00\x04..", re.DOTALL)  # a mark before a packet, with any two bytes as its number
_ZEROS = re.compile(rb"\0{64,}")
_LARGEST = 15  # power of two of a precinct's sides where they are not named


def webp_fault(content: bytes) -> str:
    """What is wrong with a WebP that is decoded all the same; empty where nothing can be seen.

    A decoder that has lost its place comes to the picture's end before the codes' or behind it. Behind it, it fails.
    So a file is damaged if it can be decoded without its last codes. Of an animation nothing is said.
    """
    chunks = list(_chunks(content))
    for place, (name, data) in enumerate(chunks):
        for shorter in _shorter(name, data):
            if _is_decoded(_file([*chunks[:place], (name, shorter), *chunks[place + 1 :]])):
                return "its codes go on behind its picture"
    return ""


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        yield content[place : place + 4], content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    parts = (name + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2) for name, data in chunks)
    content = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def _shorter(name: bytes, data: bytes) -> Iterator[bytes]:
    """A chunk with one of its streams cut short."""
    if name == b"VP8L" or (name == b"ALPH" and data[:1] and data[0] & 3 == 1):
        if len(data) >= _SHORTEST:
            yield _cut(data, _LOSSLESS)
    elif name == b"VP8 " and len(data) > _LOSSY_HEAD:
        head = int.from_bytes(data[:3], "little")
        first = head >> 5
        if first >= _SHORTEST:
            shorter = (head & 31 | (first - _LOSSY) << 5).to_bytes(3, "little")
            yield shorter + data[3 : _LOSSY_HEAD + first - _LOSSY] + data[_LOSSY_HEAD + first :]
        if len(data) - _LOSSY_HEAD - first >= _SHORTEST:
            yield _cut(data, _LOSSY)


def _cut(data: bytes, size: int) -> bytes:
    """Data of an even length, since a decoder reads on in a byte that fills a chunk up."""
    return data[: (len(data) - size) & ~1]


def _is_decoded(content: bytes) -> bool:
    parser = ImageFile.Parser()
    try:
        parser.feed(content)
        parser.close()
    except Exception:  # of a damaged file Pillow raises whatever it stumbles over
        return False
    return True


def jpeg2000_fault(content: bytes) -> str:
    """What is wrong with a JPEG 2000 that is decoded all the same; empty where nothing can be seen.

    A byte of zero may be an empty packet: of these a tile has no more than packets. Codes of pixels are never zeros
    for long. Other bytes are told by pairs that the standard forbids, of which noise holds one in 600 bytes.
    """
    start = content.find(_START)
    if start < 0:
        return ""
    header = content[start : _behind_segments(content, start + 2, _TILE)]
    most = max(_packets(header), 63)
    for codes in _tile_codes(content, start + len(header)):
        if _FORBIDDEN.search(codes):
            return "it holds bytes that no code has"
        longest = max((len(zeros.group()) for zeros in _ZEROS.finditer(codes)), default=0)
        if longest > most:
            return f"{longest:,} of its bytes are zeros"
    return ""


def _tile_codes(content: bytes, place: int) -> Iterator[bytes]:
    """The packets of each part of a tile."""
    while content[place : place + 2] == _TILE:
        length = int.from_bytes(content[place + 6 : place + 10], "big")
        end = place + length if length else len(content) - 2  # the last part may leave its length out
        data = _behind_segments(content, place, _DATA)
        if (length and length < 14) or not place < data < end:
            return
        yield _NUMBERED.sub(b"\xff\x91", content[data + 2 : end])
        place = end


def _behind_segments(content: bytes, place: int, mark: bytes) -> int:
    """Where a mark comes behind segments, whose own bytes may look like it; the content's end where it does not."""
    while place + 4 <= len(content) and content[place : place + 2] != mark:
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return min(place, len(content))


def _packets(header: bytes) -> int:
    """The most packets that a tile has by the header of a codestream."""
    sizes = [int.from_bytes(header[place : place + 4], "big") for place in range(8, 40, 4)]
    width, height = (min(sizes[at + 4], sizes[at] - sizes[at + 2]) for at in (0, 1))
    channels = int.from_bytes(header[40:42], "big")
    place = header.find(_CODING, 42)
    words = header[place + 4 :]
    if place < 0 or len(words) < 10:
        return 0
    layers, levels = int.from_bytes(words[2:4], "big"), words[5]
    precincts = words[10 : 11 + levels] if words[0] & 1 else bytes([255]) * (levels + 1)
    total = 0
    for level, sides in enumerate(precincts):
        scale = 2 ** (levels - level)
        across, down = (
            math.ceil(side / scale / 2**power) + (power < _LARGEST)  # an edge may lie within one
            for side, power in ((width, sides & 15), (height, sides >> 4))
        )
        total += across * down
    return layers * channels * total
