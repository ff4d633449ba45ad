"""What a training gains beyond the statistics, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from studies.self_training_page import gains_table, ways_table


@pytest.fixture
def rows():
    scores = dict.fromkeys(("information", "symmetry", "stain", "entropy", "nuclei_share", "aji", "count_error"), 0.5)
    found = [
        ("liver", "statistics", 0.70, 0.40, None),
        ("liver", "self-training", 0.72, 0.45, "80 of 100 nuclei were sure"),
        ("kidney", "statistics", 0.80, 0.50, None),
        ("kidney", "self-training", 0.79, 0.49, "60 of 90 nuclei were sure"),
    ]
    names = ("tissue", "row", "dice", "pq", "said")
    facts = {"model": "m", "data": "d", "chosen": "half", "images": 3}
    return pd.DataFrame([{**facts, **scores, **dict(zip(names, row, strict=True))} for row in found])


def test_gains_by_hand(rows):
    assert gains_table(rows).splitlines()[2:] == ["| self-training | 2 | +0.005 | -0.010 | +0.020 | -0.010 | 1 of 2 |"]


def test_every_row_is_shown(rows):
    lines = ways_table(rows).splitlines()
    assert len(lines) == 6
    assert lines[2].startswith("| m | d | liver | half | statistics | 0.700 | 0.400 | 0.500 | 0.500 |")
    assert lines[3].endswith("| 80 of 100 nuclei were sure |")
