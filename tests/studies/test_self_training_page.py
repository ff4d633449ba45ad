"""What a training gains beyond the statistics, and what it changes of parting and certainty, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from studies.self_training_page import certainty_table, gains_table, parting_table, ways_table
from studies.verdicts import half_of


@pytest.fixture
def rows():
    facts = {"model": "m", "data": "monuseg", "chosen": "half", "sq": 0.7, "aji": 0.5, "count_error": 0.1, "true": 200}
    facts |= {"error_raw": 0.2, "error_own": 0.01}
    names = (
        "tissue",
        "row",
        "seed",
        "dice",
        "pq",
        "dq",
        "found",
        "merges",
        "splits",
        "error_source",
        "error_carried",
        "error_start",
    )
    found = [
        ("liver", "source", None, 0.70, 0.40, 0.6, 200, 10, 4, 0.05, 0.05, 0.03),
        ("liver", "statistics", None, 0.70, 0.40, 0.6, 200, 10, 4, 0.06, 0.05, 0.03),
        ("liver", "self-training", 0, 0.72, 0.45, 0.6, 190, 11, 4, 0.09, 0.06, 0.03),
        ("liver", "self-training", 1, 0.74, 0.43, 0.6, 190, 13, 2, 0.07, 0.04, 0.03),
        ("kidney", "source", None, 0.80, 0.50, 0.7, 200, 10, 4, 0.10, 0.10, 0.03),
        ("kidney", "statistics", None, 0.80, 0.50, 0.7, 200, 10, 4, 0.10, 0.10, 0.03),
        ("kidney", "self-training", 0, 0.79, 0.49, 0.69, 190, 13, 4, 0.11, 0.10, 0.03),
    ]
    made = pd.DataFrame([{**facts, **dict(zip(names, row, strict=True))} for row in found])
    return made.assign(said=[None if seed != seed else "80 of 100 nuclei were sure" for seed in made["seed"]])


def test_gains_by_hand(rows):
    """Seeds of a pair count once in a mean; the worst one is a training's."""
    line = "| self-training | 2 | 3 | +0.010 | -0.010 | +0.015 | -0.010 | 1 of 2 |"
    assert gains_table(rows).splitlines()[2:] == [line]


def test_ways_are_means_of_seeds(rows):
    lines = ways_table(rows).splitlines()
    assert len(lines) == 2 + 6
    figures = "0.730 | 0.440 | 0.500 | 0.600 | 0.700 | 0.100 | 6.0 | 1.5 | 95.0 | 0.430 to 0.450"
    assert f"| m | monuseg | liver | half | self-training | 2 | {figures} | 80 of 100 nuclei were sure |" in lines
    assert lines[2].startswith("| m | monuseg | liver | half | source | - | 0.700 |")


def test_parting_by_hand(rows):
    """Ten points of DQ of a hundred are too many; so is more than one merge by 100 true nuclei."""
    lines = parting_table(rows, half_of).splitlines()[2:]
    assert lines == [
        "| confirming | 1 | +0.000 | +0.000 | +0.040 | +0.000 | +1.0 | -0.5 | -5.0 | yes |",
        "| setting | 1 | -0.010 | +0.000 | -0.010 | +0.000 | +1.5 | +0.0 | -5.0 | no |",
    ]


def test_certainty_by_hand(rows):
    """The bound is .02 above the source model's error; pairs are told apart by whose statistics were chosen."""
    rows.loc[rows["tissue"] == "kidney", "chosen"] = "source"
    every = "source's numbers, carried from the source, carried from the start"
    assert certainty_table(rows, half_of).splitlines()[2:] == [
        f"| source's | setting | source | 1 | 0.200 | 0.100 | 0.100 | 0.030 | 0.010 | 0.120 | {every} |",
        f"| source's | setting | self-training | 1 | 0.200 | 0.110 | 0.100 | 0.030 | 0.010 | 0.120 | {every} |",
        f"| others | confirming | source | 1 | 0.200 | 0.050 | 0.050 | 0.030 | 0.010 | 0.070 | {every} |",
        f"| others | confirming | statistics | 1 | 0.200 | 0.060 | 0.050 | 0.030 | 0.010 | 0.070 | {every} |",
        "| others | confirming | self-training | 1 | 0.200 | 0.080 | 0.050 | 0.030 | 0.010 | 0.070 "
        "| carried from the source, carried from the start |",
    ]
