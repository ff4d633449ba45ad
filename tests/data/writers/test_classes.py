"""Names and colours of types."""

from __future__ import annotations

import pytest

from mani_monai.data.writers.classes import PALETTE, YELLOW, NucleusClass, nucleus_class

NAMES = ["background", "epithelial", "inflammatory"]


@pytest.mark.parametrize(
    ("kind", "names", "expected"),
    [
        (0, None, NucleusClass("nucleus", YELLOW)),
        (0, NAMES, NucleusClass("nucleus", YELLOW)),
        (1, None, NucleusClass("type 1", PALETTE[0])),
        (1, NAMES, NucleusClass("epithelial", PALETTE[0])),
        (2, NAMES, NucleusClass("inflammatory", PALETTE[1])),
        (3, NAMES, NucleusClass("type 3", PALETTE[2])),
        (len(PALETTE) + 1, None, NucleusClass(f"type {len(PALETTE) + 1}", PALETTE[0])),
    ],
)
def test_name_and_colour(kind, names, expected):
    assert nucleus_class(kind, names) == expected


def test_colours_differ():
    assert len({YELLOW, *PALETTE}) == len(PALETTE) + 1
