"""What a hostile bundle holds."""

from __future__ import annotations

from pathlib import Path


class Evil:
    """Its unpickling writes a file: whoever finds that file knows that code ran."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return Path.touch, (self.witness,)
