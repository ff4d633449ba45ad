"""What an inspection of a bundle finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that a bundle holds or would do.

    Attributes:
        place: the file, and where it is known the key or line in it.
        kind: what it is: "expression", "target", "import", "code", "weights", "hash", "archive", "logging", "config".
        what: it itself, or what is wrong with it.
        dangerous: whether a reader should not run the bundle before having understood it.
    """

    place: str
    kind: str
    what: str
    dangerous: bool = False
