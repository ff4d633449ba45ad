"""The verdict of an adaptation beside the truth, over pairs of models and tissues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mani_monai.apps.adapt.evidence import Evidence, NucleiFigures
from mani_monai.apps.adapt.rules import KEEP, LOOK, USE
from mani_monai.apps.adapt.statistics_choice import AS_IT_IS, SOURCE
from mani_monai.apps.adapt.verdict import Verdict, judge
from mani_monai.evaluation.label_free_criteria import CRITERIA, SHARE
from mani_monai.utils.errors import counted
from studies.markdown import markdown_table
from studies.self_training_page import ROW, SEED, STATISTICS, TRAINED
from studies.statistics_page import ASKED_PAIRS, ORACLES, PAIR, TITLES, chosen_of, met_of, pairs_of, usable

SETTING = {"tnbc": ("breast", "unknown"), "monuseg": ("breast", "kidney")}
"""Tissues of the half that rules may be set on, by data set; all others confirm. Lists of TNBC name no tissue."""
HALVES = ("setting", "confirming")
TRAINED_PAIRS = 9
"""Confirming pairs that a goal of trained models has to be met on."""
LOST, THROWN, MOST_LOSS, LEAST_TAKEN = 0.01, 0.02, 0.02, 0.5
"""From which loss a "use" counts, and which gain a "keep" throws away; the plan's goals."""
SHORT = {USE: "use", KEEP: "keep", LOOK: "look"}


@dataclass(frozen=True)
class Judged:
    """A pair, or a training of a pair, with its verdict and the truth.

    Attributes:
        names: of model, data set and tissue.
        half: one of ``HALVES``.
        chosen: the candidate that is judged.
        verdict: what today's rules say of it.
        gain: by figure, the chosen candidate's less the source's.
        best: by figure, the best candidate's less the source's.
    """

    names: tuple[str, ...]
    half: str
    chosen: str
    verdict: Verdict
    gain: dict[str, float]
    best: dict[str, float]

    def lost(self, key: str) -> float:
        """What "use" costs; 0 of another verdict."""
        return max(0.0, -self.gain[key]) if self.verdict.outcome == USE else 0.0

    def thrown(self, key: str) -> float:
        """What "keep" throws away; 0 of another verdict."""
        return self.best[key] if self.verdict.outcome == KEEP else 0.0

    def taken(self, key: str) -> float:
        """What "use" gains; 0 of another verdict."""
        return max(0.0, self.gain[key]) if self.verdict.outcome == USE else 0.0


def judged_pairs(rows: pd.DataFrame) -> list[Judged]:
    """Judges every pair anew from what was measured of it.

    Args:
        rows: as ``statistics`` writes them.
    """
    found = []
    for names, group in pairs_of(usable(rows)):
        chosen = chosen_of(group)
        verdict = AS_IT_IS if chosen == SOURCE else judge(evidence_of(group.loc[SOURCE], group.loc[chosen]))
        gain = {key: round(float(group.loc[chosen, key] - group.loc[SOURCE, key]), 5) for key in ORACLES}
        best = {key: round(float(group[key].max() - group.loc[SOURCE, key]), 5) for key in ORACLES}
        found.append(Judged(tuple(names), half_of(tuple(names)), chosen, verdict, gain, best))
    return found


def judged_trainings(rows: pd.DataFrame) -> list[Judged]:
    """Judges every self-training anew from what was measured of it.

    Args:
        rows: as ``self_training`` writes them.
    """
    found = []
    grouped: Any = rows.groupby([*PAIR], sort=False)
    for names, group in grouped:
        fixed = group[group[SEED].isna()].set_index(ROW)
        for _, trained in group[group[ROW] == TRAINED].iterrows():
            verdict = judge(evidence_of(fixed.loc[SOURCE], trained, fixed.loc[STATISTICS]))
            gain = {key: round(float(trained[key] - fixed.loc[SOURCE, key]), 5) for key in ORACLES}
            best = {key: max(0.0, gain[key], _gain(fixed, key)) for key in ORACLES}
            title = f"{trained['chosen']}, trained, seed {trained[SEED]:.0f}"
            found.append(Judged(tuple(names), half_of(tuple(names)), title, verdict, gain, best))
    return found


def _gain(fixed: pd.DataFrame, key: str) -> float:
    """Of the chosen statistics alone."""
    return round(float(fixed.loc[STATISTICS, key] - fixed.loc[SOURCE, key]), 5)


def half_of(names: Sequence[Any]) -> str:
    """The half of a pair.

    Args:
        names: of model, data set and tissue.
    """
    return HALVES[0] if names[2] in SETTING.get(names[1], ()) else HALVES[1]


def evidence_of(before: Any, after: Any, start: Any = None) -> Evidence:
    """What the rules read of two candidates of a pair.

    Args:
        before: the source's row.
        after: the other's.
        start: of a trained model, the row of the statistics that it began with.
    """
    rows = [before, after] if start is None else [before, after, start]
    scores = [{name: float(row[name]) for name in (*CRITERIA, SHARE)} for row in rows]
    nuclei = (_nuclei(before), _nuclei(after))
    finite, agreement = bool(after["finite"]), float(after["agreement"])
    trained, start_scores = start is not None, scores[2] if start is not None else None
    return Evidence(finite, scores[0], scores[1], *nuclei, None, agreement, trained, scores_start=start_scores)


def _nuclei(row: Any) -> NucleiFigures:
    """As many nuclei of the median area: all that the rules ask of areas is their number and median."""
    areas = np.full(int(row["nuclei"]), row["median_area"])
    shares = tuple(float(share) for share in str(row["shares"]).split())
    return NucleiFigures(int(row["measured"]), float(row["megapixels"]), areas, shares, float(row["share"]))


def verdicts_table(judged: Sequence[Judged]) -> str:
    """Every pair: what was chosen, the verdict, the rules that broke, and the truth."""
    lines = []
    for one in judged:
        rules = ", ".join(rule.name for rule, _ in one.verdict.findings)
        figures = [f"{found[key]:+.3f}" for key in ORACLES for found in (one.gain, one.best)]
        lines.append([one.half, *one.names, one.chosen, SHORT[one.verdict.outcome], rules, *figures])
    heads = [f"{what} {figure}" for figure in TITLES.values() for what in ("chosen gains", "best gains")]
    return markdown_table(pd.DataFrame(lines, columns=["half", *PAIR, "chosen", "verdict", "broken rules", *heads]))


def truth_table(judged: Sequence[Judged]) -> str:
    """Verdict against truth, by half."""
    lines = []
    for half in (*HALVES, "both"):
        own = [one for one in judged if half in (one.half, "both")]
        counts = {name: [one for one in own if one.verdict.outcome == name] for name in (USE, KEEP, LOOK)}
        for key, title in TITLES.items():
            lost = [sum(one.lost(key) > bound for one in own) for bound in (LOST, MOST_LOSS)]
            thrown = sum(one.thrown(key) > THROWN for one in own)
            worst = max((one.lost(key) for one in own), default=0.0)
            cells = [len(own), len(counts[USE]), *lost, f"{worst:.3f}", len(counts[KEEP]), thrown, len(counts[LOOK])]
            lines.append([half, title, *cells, _share(own, key)])
    lost_heads = [f"lost more than {bound}" for bound in (LOST, MOST_LOSS)]
    heads = ["pairs", '"use"', *lost_heads, "largest loss", '"keep"', f"threw away more than {THROWN}"]
    return markdown_table(pd.DataFrame(lines, columns=["half", "figure", *heads, '"look"', "gains taken"]))


def goals_of_verdicts(judged: Sequence[Judged], asked: int = ASKED_PAIRS // 2) -> str:
    """The plan's goals on the confirming half.

    Args:
        judged: of both halves.
        asked: pairs that the half has to hold.
    """
    own = [one for one in judged if one.half == HALVES[1]]
    lines, pairs = [], len({one.names for one in own})
    for key, title in TITLES.items():
        worst = max((one.lost(key) for one in own), default=0.0)
        met = met_of(worst <= MOST_LOSS, pairs, asked)
        lines.append([f'largest loss of "use", {title}', f"at most {MOST_LOSS}", f"{worst:.3f}", met])
    for key, title in TITLES.items():
        there = sum(one.best[key] for one in own)
        enough = sum(one.taken(key) for one in own) >= LEAST_TAKEN * there
        met = met_of(enough, pairs, asked) if there > 0 else "-"
        lines.append([f"gains taken, {title}", f"at least {LEAST_TAKEN:.0%}", _share(own, key), met])
    return markdown_table(pd.DataFrame(lines, columns=["goal", "asked", f"figure, {counted(pairs, 'pair')}", "met"]))


def _share(judged: Sequence[Judged], key: str) -> str:
    there, taken = sum(one.best[key] for one in judged), sum(one.taken(key) for one in judged)
    return f"{taken / there:.0%} ({taken:.3f} of {there:.3f})" if there > 0 else "there were none"
