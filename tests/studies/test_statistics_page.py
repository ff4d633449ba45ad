"""Regrets and goals by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from studies.statistics_page import explored_table, goals_table, met_of, pair_table, rule_choice, rules_table


@pytest.fixture
def rows():
    """Two tissues: the rule is right on the first, and loses .02 PQ against the source on the second."""
    scores = {"entropy": 0.1, "information": 0.2, "density": 5.0, "nuclei_share": 0.2, "images": 3}
    found = [
        ("kidney", "source", 0.5, 0.5, 0.70, 0.40, False),
        ("kidney", "half", 0.9, 0.9, 0.80, 0.50, True),
        ("kidney", "target", 0.8, 0.95, 0.75, 0.45, False),
        ("liver", "source", 0.7, 0.7, 0.60, 0.30, False),
        ("liver", "half", 0.6, 0.8, 0.60, 0.28, False),
        ("liver", "target", 0.9, 0.6, 0.62, 0.28, True),
    ]
    names = ("tissue", "candidate", "stain", "symmetry", "dice", "pq", "chosen")
    return pd.DataFrame([{"model": "m", "data": "d", **scores, **dict(zip(names, row, strict=True))} for row in found])


def test_regret_and_loss_by_hand(rows):
    figures = "0.700 | 0.800 | 0.750 | 0.400 | 0.500 | 0.450 | 0.000 | 0.000 | -0.100 | -0.100"
    assert f"| m | d | kidney | 3 | half | {figures} |" in pair_table(rows).splitlines()
    lines = rules_table(rows).splitlines()
    assert "| stain + symmetry | 0.000 | 0.010 | -0.020 | 0.020 | 1 of 2 |" in lines
    assert "| symmetry | 0.035 | 0.035 | 0.000 | 0.020 | 0 of 2 |" in lines
    assert "| always source | 0.060 | 0.050 | 0.000 | 0.000 | 1 of 2 |" in lines


def test_goals_by_hand(rows):
    assert goals_table(rows).splitlines()[2:] == [
        "| mean regret, Dice | 0.005 | 0.000 | open: 2 of 24 pairs |",
        "| mean regret, PQ | 0.005 | 0.010 | no |",
        "| worst loss, Dice | 0.020 | -0.020 | open: 2 of 24 pairs |",
        "| worst loss, PQ | 0.020 | 0.020 | open: 2 of 24 pairs |",
    ]


def test_a_goal_is_met_on_enough_pairs_alone(rows):
    many = pd.concat([rows.assign(model=f"m{number}") for number in range(12)])
    assert [line.split("|")[4].strip() for line in goals_table(many).splitlines()[2:]] == ["yes", "no", "yes", "yes"]
    assert met_of(False, 2, 24) == "no"


def test_a_rule_sees_no_label(rows):
    group = rows[rows["tissue"] == "liver"].set_index("candidate")
    blind = group.assign(dice=0.0, pq=0.0)
    for rule in ("stain", "symmetry", "information", "always half", "stain + symmetry"):
        assert rule_choice(group, rule) == rule_choice(blind, rule)
    assert rule_choice(group, "stain") == "target"
    assert rule_choice(group, "symmetry") == "half"


def test_what_is_explored_is_no_candidate(rows):
    """It is compared on the pairs that have it, and changes no other table."""
    assert explored_table(rows) == ""
    facts = {"model": "m", "data": "d", "tissue": "kidney", "images": 3, "chosen": False}
    more = [{**facts, "candidate": name, "dice": 0.9, "pq": 0.3} for name in ("balanced", "mixed")]
    both = pd.concat([rows, pd.DataFrame(more)])
    for table in (pair_table, rules_table, goals_table):
        assert table(both) == table(rows)
    lines = explored_table(both).splitlines()
    assert lines[0] == "| exploratory, 1 pair | mean Dice | PQ | worst loss Dice | PQ |"
    assert "| chosen by the rule | 0.800 | 0.500 | -0.100 | -0.100 |" in lines
    assert "| mixed | 0.900 | 0.300 | -0.200 | 0.100 |" in lines
