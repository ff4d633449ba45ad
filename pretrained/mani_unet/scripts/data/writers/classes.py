"""What a nucleus's class is called and how it is coloured, the same in every output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NUCLEUS = "nucleus"
YELLOW = (255, 230, 0)  # stands out from haematoxylin and eosin alike
PALETTE = ((230, 0, 0), (0, 170, 0), (0, 90, 255), (255, 150, 0), (0, 220, 220), (120, 230, 0), (255, 255, 255))


@dataclass(frozen=True)
class NucleusClass:
    """A name and an RGB colour."""

    name: str
    colour: tuple[int, int, int]


def nucleus_class(kind: int = 0, class_names: Sequence[str] | None = None) -> NucleusClass:
    """The class of a nucleus of some type.

    Args:
        kind: its type; 0 where there are no types, or where none was found.
        class_names: the types' names, that of type 0 (background) first; "type 1" and so on by default.

    Returns:
        yellow "nucleus" for type 0; else the type's name, and a colour by its number.
    """
    if kind == 0:
        return NucleusClass(NUCLEUS, YELLOW)
    name = class_names[kind] if class_names is not None and kind < len(class_names) else f"type {kind}"
    return NucleusClass(name, PALETTE[(kind - 1) % len(PALETTE)])
