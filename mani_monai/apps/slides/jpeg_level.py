"""A level of a slide that is made of tiles of JPEG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, eq=False)
class JpegLevel:
    """Where the tiles of a level lie in a file.

    Attributes:
        path: the file.
        edges: height and width of a tile in pixels.
        across: tiles a row.
        places: of each tile in the file, with how many bytes it has.
        tables: the JPEG tables that all share; may be empty.
        known: what was found of a tile that was looked at, by its number.
    """

    path: Path
    edges: tuple[int, int]
    across: int
    places: Sequence[tuple[int, int]]
    tables: bytes
    known: dict[int, str] = field(default_factory=dict)
