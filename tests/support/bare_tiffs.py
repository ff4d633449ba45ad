"""TIFFs of one strip with these tags alone, as programs write them that leave some out."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

SIZES = {256: 3, 257: 3, 258: 3, 259: 3, 262: 3, 273: 4, 277: 3, 278: 3, 279: 4, 320: 3, 338: 3, 530: 3, 532: 5}
"""Of each tag that is written, its type: short, long or a ratio."""
_LETTERS = {3: "H", 4: "I"}


def bare_tiff(path: Path, pixels: np.ndarray, tags: Mapping[int, Sequence], packed: bytes | None = None) -> Path:
    """Writes a TIFF.

    Args:
        path: the file.
        pixels: HW or HWC; they say its size.
        tags: values by number, beside the size, the place of the strip and "not packed".
        packed: the strip, where it is not the pixels' bytes.
    """
    content = pixels.tobytes() if packed is None else packed
    height, width = pixels.shape[:2]
    values = {256: [width], 257: [height], 259: [1], 273: [8], 278: [height], 279: [len(content)], **tags}
    content += b"\0" * (len(content) % 2)
    start = 8 + len(content)
    entries, further = b"", b""
    for number, value in sorted(values.items()):
        kind = SIZES[number]
        raw = b"".join(
            struct.pack("<II", *each) if kind == 5 else struct.pack(f"<{_LETTERS[kind]}", each) for each in value
        )
        if len(raw) > 4:
            place = start + 2 + 12 * len(values) + 4 + len(further)
            further += raw
            raw = struct.pack("<I", place)
        entries += struct.pack("<HHI", number, kind, len(value)) + raw.ljust(4, b"\0")
    directory = struct.pack("<H", len(values)) + entries + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", start) + content + directory + further)
    return path
