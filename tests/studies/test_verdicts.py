"""Verdict against truth by hand: what "use" loses, what "keep" throws away, what is taken of the gains."""

from __future__ import annotations

import pandas as pd
import pytest

from studies.verdicts import goals_of_verdicts, judged_pairs, judged_trainings, truth_table, verdicts_table

SCORES = {"entropy": 0.1, "information": 0.2, "density": 5.0, "nuclei_share": 0.2}
SANE = {"agreement": 0.9, "finite": True, "measured": 4, "megapixels": 1.0, "nuclei": 100, "median_area": 200}
SHARES = {"share": 0.2, "shares": "0.2 0.2 0.2 0.2"}


def pair(data, tissue, chosen, dice, pq, **target):
    """Rows of source and target, of which one is chosen; ``target`` changes what is known of the target's."""
    facts = {"model": "m", "data": data, "tissue": tissue, "images": 4, "stain": 0.9, "symmetry": 0.9}
    for number, name in enumerate(("source", "target")):
        row = {**facts, **SCORES, **SANE, **SHARES, **(target if number else {})}
        yield {**row, "candidate": name, "chosen": name == chosen, "dice": dice[number], "pq": pq[number]}


@pytest.fixture
def rows():
    return pd.DataFrame(
        [
            *pair("tnbc", "breast", "target", (0.70, 0.50), (0.40, 0.45)),  # use: loses .2 Dice, gains .05 PQ
            *pair("consep", "colon", "target", (0.70, 0.80), (0.40, 0.45)),  # use: takes all
            *pair("monuseg", "liver", "source", (0.70, 0.73), (0.40, 0.40)),  # kept: throws .03 Dice away
            *pair("monuseg", "prostate", "target", (0.70, 0.72), (0.40, 0.38), stain=0.5),  # rejected
            *pair("monuseg", "kidney", "target", (0.70, 0.72), (0.40, 0.38), nuclei=290),  # look
        ]
    )


def test_verdicts_are_those_of_today_s_rules(rows):
    found = {one.names[2]: (one.half, one.verdict.outcome.split()[0]) for one in judged_pairs(rows)}
    assert found == {
        "breast": ("setting", "use"),
        "colon": ("confirming", "use"),
        "liver": ("confirming", "keep"),
        "prostate": ("confirming", "keep"),
        "kidney": ("setting", "look"),
    }
    alone = pd.DataFrame(pair("tnbc", "unknown", "source", (0.7, 0.7), (0.4, 0.4)))
    assert [one.half for one in judged_pairs(alone)] == ["setting"]
    pair_of = "confirming | m | monuseg | prostate | target | keep | stain consistency"
    line = f"| {pair_of} | +0.020 | +0.020 | -0.020 | +0.000 |"
    assert line in verdicts_table(judged_pairs(rows)).splitlines()


def test_truth_by_hand(rows):
    lines = truth_table(judged_pairs(rows)).splitlines()
    assert "| setting | Dice | 2 | 1 | 1 | 1 | 0.200 | 0 | 0 | 1 | 0% (0.000 of 0.020) |" in lines
    assert "| setting | PQ | 2 | 1 | 0 | 0 | 0.000 | 0 | 0 | 1 | 100% (0.050 of 0.050) |" in lines
    assert "| confirming | Dice | 3 | 1 | 0 | 0 | 0.000 | 2 | 1 | 0 | 67% (0.100 of 0.150) |" in lines
    assert "| both | Dice | 5 | 2 | 1 | 1 | 0.200 | 2 | 1 | 1 | 59% (0.100 of 0.170) |" in lines


def test_goals_are_those_of_the_confirming_half(rows):
    lines = goals_of_verdicts(judged_pairs(rows)).splitlines()
    assert lines[0].endswith("| figure, 3 pairs | met |")
    assert '| largest loss of "use", Dice | at most 0.02 | 0.000 | open: 3 of 12 pairs |' in lines
    assert "| gains taken, Dice | at least 50% | 67% (0.100 of 0.150) | open: 3 of 12 pairs |" in lines
    nothing = goals_of_verdicts(judged_pairs(rows[rows["data"] == "tnbc"]))
    assert "| gains taken, PQ | at least 50% | there were none | - |" in nothing.splitlines()


def test_trainings_are_judged_with_what_they_began_with():
    """Masks that disagree ask for a look, but where the statistics agreed with themselves clearly better before."""
    facts = {"model": "m", "data": "monuseg", "chosen": "half", **SCORES, **SANE, **SHARES}
    named = [("source", None), ("statistics", None), ("self-training", 0), ("self-training", 1)]
    for clearer, verdict in ((0.03, "use"), (0.01, "look")):
        rows = pd.DataFrame([{**facts, "tissue": "liver", "row": row, "seed": seed} for row, seed in named])
        rows = rows.assign(stain=[0.9, 0.9 + clearer, 0.95, 0.95], symmetry=[0.9, 0.9 + clearer, 0.95, 0.95])
        rows = rows.assign(dice=[0.5, 0.7, 0.6, 0.8], pq=[0.3, 0.4, 0.5, 0.2], agreement=[1, 0.7, 0.7, 0.7])
        first, second = judged_trainings(rows)
        assert first.verdict.outcome.startswith(verdict)
        assert (first.half, first.chosen, second.chosen) == (
            "confirming",
            "half, trained, seed 0",
            "half, trained, seed 1",
        )
        assert first.gain == {"dice": 0.1, "pq": 0.2}
        assert first.best == {"dice": 0.2, "pq": 0.2}
        assert second.best == {"dice": 0.3, "pq": 0.1}
