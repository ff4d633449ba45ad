"""What a hostile bundle holds."""

from __future__ import annotations

from pathlib import Path

from mani_monai.apps.inspect.inspection import inspect_bundle


class Evil:
    """Its unpickling writes a file: whoever finds that file knows that code ran."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return Path.touch, (self.witness,)


def dangers(path: Path) -> list[str]:
    """What an inspection finds dangerous, by its place."""
    return [f"{finding.place}: {finding.what}" for finding in inspect_bundle(path) if finding.dangerous]
