"""Tables of batch statistics: the truth by pair, how well rules choose, goals, and what is explored beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mani_monai.apps.adapt.statistics_choice import SOURCE
from mani_monai.evaluation.label_free_criteria import best_weights
from mani_monai.evaluation.statistics_candidates import SOURCE_SHARES
from mani_monai.utils.errors import counted
from studies.markdown import markdown_table
from studies.statistics_pairs import BALANCED, MIXED

ORACLES = ("dice", "pq")
TITLES = {"dice": "Dice", "pq": "PQ"}
RULE = "stain + symmetry"
OTHERS = ("stain", "symmetry", "information", "always source", "always half", "always target")
PAIR = ("model", "data", "tissue")
MOST_REGRET, MOST_LOSS = 0.005, 0.02
"""Goals of the plan: of the mean regret, and of the worst loss against the source's statistics."""
ASKED_PAIRS = 24
"""Pairs of a model and a tissue that a goal has to be met on."""


def pairs_of(rows: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    """Names of each pair and its candidates, by name."""
    return [(name, group.set_index("candidate")) for name, group in rows.groupby([*PAIR], sort=False)]


def usable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of candidates that a rule may choose."""
    return pd.DataFrame(rows[rows["candidate"].isin([*SOURCE_SHARES])])


def chosen_of(group: pd.DataFrame) -> str:
    """The candidate that was chosen of a pair."""
    return str(group.index[group["chosen"].to_numpy(bool)][0])


def rule_choice(group: pd.DataFrame, rule: str) -> str:
    """What a rule takes of a pair's candidates; the project's own is what the run took."""
    if rule == RULE:
        return chosen_of(group)
    if rule.startswith("always "):
        return rule.removeprefix("always ")
    scores = {str(name): {str(key): value for key, value in row.items()} for name, row in group.iterrows()}
    return best_weights(scores, rule)


def regrets(group: pd.DataFrame, name: str) -> dict[str, float]:
    """By figure, the best candidate's less that of ``name``; with "_loss", the source's less that of ``name``."""
    found = {key: float(group[key].max() - group.loc[name, key]) for key in ORACLES}
    return {**found, **{f"{key}_loss": float(group.loc[SOURCE, key] - group.loc[name, key]) for key in ORACLES}}


def pair_table(rows: pd.DataFrame) -> str:
    """Dice and PQ of every candidate of every pair, what was chosen, regret, and loss against the source's."""
    rows = usable(rows)
    candidates = list(dict.fromkeys(rows["candidate"]))
    heads = [f"{figure} {name}" for figure in TITLES.values() for name in candidates]
    heads += [f"{what} {figure}" for what in ("regret", "loss") for figure in TITLES.values()]
    lines = []
    for name, group in pairs_of(rows):
        chosen = chosen_of(group)
        found = regrets(group, chosen)
        figures = [f"{group.loc[one, key]:.3f}" for key in ORACLES for one in candidates]
        figures += [f"{found[key]:.3f}" for key in (*ORACLES, *(f"{key}_loss" for key in ORACLES))]
        lines.append([*name, f"{group['images'].iloc[0]:.0f}", chosen, *figures])
    return markdown_table(pd.DataFrame(lines, columns=[*PAIR, "images", "chosen", *heads]))


def rules_table(rows: pd.DataFrame) -> str:
    """How well the frozen rule and others choose, over all pairs."""
    pairs, lines = pairs_of(usable(rows)), []
    for rule in (RULE, *OTHERS):
        found = [regrets(group, rule_choice(group, rule)) for _, group in pairs]
        right = sum(one["pq"] == 0 for one in found)
        lines.append([rule, *(f"{value:.3f}" for value in _summary(found)), f"{right} of {len(found)}"])
    heads = ["mean regret Dice", "PQ", "worst loss against the source Dice", "PQ", "right"]
    return markdown_table(pd.DataFrame(lines, columns=["rule", *heads]))


def goals_table(rows: pd.DataFrame) -> str:
    """The plan's goals, and whether the frozen rule meets them: open where it does on fewer than ``ASKED_PAIRS``."""
    pairs = pairs_of(usable(rows))
    found = _summary([regrets(group, chosen_of(group)) for _, group in pairs])
    lines = []
    for number, (what, most) in enumerate((("mean regret", MOST_REGRET), ("worst loss", MOST_LOSS))):
        for key, value in zip(ORACLES, found[2 * number : 2 * number + 2], strict=True):
            met = met_of(round(value, 5) <= most, len(pairs), ASKED_PAIRS)
            lines.append([f"{what}, {TITLES[key]}", f"{most:.3f}", f"{value:.3f}", met])
    return markdown_table(
        pd.DataFrame(lines, columns=["goal", "at most", f"figure, {counted(len(pairs), 'pair')}", "met"])
    )


def met_of(holds: bool, pairs: int, asked: int) -> str:
    """Whether a goal is met: "no" as soon as it does not hold, "yes" on enough pairs alone.

    Args:
        holds: on the pairs that are measured.
        pairs: how many there are.
        asked: how many it takes.
    """
    if not holds:
        return "no"
    return "yes" if pairs >= asked else f"open: {pairs} of {asked} pairs"


def explored_table(rows: pd.DataFrame) -> str:
    """What is explored beside the rule, on the pairs that have it; empty where none has."""
    pairs = [(name, group) for name, group in pairs_of(rows) if {BALANCED, MIXED} <= {*group.index}]
    if not pairs:
        return ""
    lines = []
    for title in ("chosen by the rule", *(f"always {name}" for name in SOURCE_SHARES), BALANCED, MIXED):
        taken = [(group, _taken(group, title)) for _, group in pairs]
        means = [np.mean([group.loc[name, key] for group, name in taken]) for key in ORACLES]
        losses = [max(group.loc[SOURCE, key] - group.loc[name, key] for group, name in taken) for key in ORACLES]
        lines.append([title, *(f"{value:.3f}" for value in (*means, *losses))])
    heads = [f"exploratory, {counted(len(pairs), 'pair')}", "mean Dice", "PQ", "worst loss Dice", "PQ"]
    return markdown_table(pd.DataFrame(lines, columns=heads))


def _taken(group: pd.DataFrame, title: str) -> str:
    return chosen_of(group) if title.startswith("chosen") else title.removeprefix("always ")


def _summary(found: Sequence[dict[str, float]]) -> list[float]:
    means = [float(np.mean([one[key] for one in found])) for key in ORACLES]
    return means + [max(one[f"{key}_loss"] for one in found) for key in ORACLES]
