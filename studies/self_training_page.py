"""Tables of self-training beside the statistics alone: figures, parting, and certainty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from mani_monai.apps.adapt.statistics_choice import SOURCE
from studies.markdown import markdown_table
from studies.statistics_page import PAIR

STATISTICS, TRAINED, WITH_PROTOTYPES = "statistics", "self-training", "with prototypes"
ROW = "row"
"""Column of these names."""
SEED = "seed"
"""Column of a training's seed, empty of what is not trained."""
LEAST_DQ, MOST_MERGES, MOST_ERROR = -0.005, 1.0, 0.02
"""Bounds of ``trained_plan.md``: of DQ and merges against the statistics, of the calibration error's rise."""
ERRORS = {
    "error_raw": "scores as they are",
    "error_source": "source's numbers",
    "error_carried": "carried from the source",
    "error_start": "carried from the start",
}
_FIGURES = {"dice": "Dice", "pq": "PQ", "aji": "AJI", "dq": "DQ", "sq": "SQ", "count_error": "count error"}
_PARTING = {"merges": "merges by 100", "splits": "splits by 100", "found": "found by 100"}


def seed_means(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a pair and way: means over seeds, with the parting's errors by 100 true nuclei.

    Args:
        rows: as ``self_training`` writes them.
    """
    rows = rows.assign(**{key: 100 * rows[key] / rows["true"] for key in _PARTING})
    figures = [*_FIGURES, *_PARTING, *ERRORS, "error_own"]
    grouped: Any = rows.groupby([*PAIR, "chosen", ROW], sort=False)
    means = grouped[figures].mean()
    means["seeds"] = grouped[SEED].nunique()
    means["least_pq"], means["most_pq"] = grouped["pq"].min(), grouped["pq"].max()
    means["said"] = grouped["said"].first()
    return means.reset_index()


def ways_table(rows: pd.DataFrame) -> str:
    """Every pair and way: the figures as means over seeds, and the range of PQ."""
    lines = []
    for row in seed_means(rows).to_dict("records"):
        figures = [_shown(row[key], ".3f") for key in _FIGURES] + [_shown(row[key], ".1f") for key in _PARTING]
        spread = f"{row['least_pq']:.3f} to {row['most_pq']:.3f}" if row["seeds"] > 1 else "-"
        said = row["said"] if isinstance(row["said"], str) else ""
        lines.append([*(row[name] for name in (*PAIR, "chosen", ROW)), row["seeds"] or "-", *figures, spread, said])
    heads = [*PAIR, "statistics", "way", "seeds", *_FIGURES.values(), *_PARTING.values(), "PQ of seeds", "sure nuclei"]
    return markdown_table(pd.DataFrame(lines, columns=heads))


def gains_table(rows: pd.DataFrame) -> str:
    """Over pairs, what each training gains beyond the statistics alone: the mean, and the worst training."""
    lines = []
    plain = _of_way(rows, STATISTICS)
    for way in (TRAINED, WITH_PROTOTYPES):
        own = _of_way(rows, way)
        if own.empty:
            continue
        gains: dict[str, Any] = {key: own[key] - plain.loc[own.index, key].to_numpy() for key in ("dice", "pq")}
        pairs = {key: gain.groupby(level=[*PAIR]).mean() for key, gain in gains.items()}
        cells = [text for key in gains for text in (f"{pairs[key].mean():+.3f}", f"{gains[key].min():+.3f}")]
        better = f"{int((pairs['pq'] > 0).sum())} of {len(pairs['pq'])}"
        lines.append([way, len(pairs["pq"]), len(own), *cells, better])
    heads = ["way", "pairs", "trainings", "mean gain Dice", "worst", "mean gain PQ", "worst ", "pairs that gain PQ"]
    return markdown_table(pd.DataFrame(lines, columns=heads))


def parting_table(rows: pd.DataFrame, half_of: Callable[[tuple[Any, ...]], str]) -> str:
    """What self-training changes of the parting, by half: means over pairs, and whether the plan's bounds hold.

    Args:
        rows: as ``self_training`` writes them.
        half_of: the half of a pair's names.
    """
    lines = []
    for half, ways in _halves(rows, half_of).items():
        changed = ["dq", "sq", "pq", "aji", *_PARTING]
        changes = ways[TRAINED][changed] - ways[STATISTICS][changed]
        mean = changes.mean()
        holds = mean["dq"] >= LEAST_DQ and mean["merges"] <= MOST_MERGES
        figures = [f"{mean[key]:+.3f}" for key in ("dq", "sq", "pq", "aji")]
        figures += [f"{mean[key]:+.1f}" for key in _PARTING]
        lines.append([half, len(changes), *figures, "yes" if holds else "no"])
    heads = ["half", "pairs", "DQ", "SQ", "PQ", "AJI", *_PARTING.values(), "within the bounds"]
    return markdown_table(pd.DataFrame(lines, columns=heads))


def certainty_table(rows: pd.DataFrame, half_of: Callable[[tuple[Any, ...]], str]) -> str:
    """Calibration errors by half, whose statistics were chosen, and way, as means over pairs of calibrated models.

    Args:
        rows: as ``self_training`` writes them.
        half_of: the half of a pair's names.
    """
    lines, calibrated = [], rows["error_source"].notna()
    for statistics, chosen in {"source's": rows["chosen"] == SOURCE, "others": rows["chosen"] != SOURCE}.items():
        for half, ways in _halves(pd.DataFrame(rows[calibrated & chosen]), half_of).items():
            bound = ways[SOURCE]["error_source"].mean() + MOST_ERROR
            for way, own in ways.items():
                if way == WITH_PROTOTYPES or (way == STATISTICS and statistics == "source's"):
                    continue
                means = {key: own[key].mean() for key in (*ERRORS, "error_own")}
                kept = [title for key, title in ERRORS.items() if key != "error_raw" and means[key] <= bound]
                cells = [_shown(value, ".3f") for value in means.values()]
                lines.append([statistics, half, way, len(own), *cells, f"{bound:.3f}", ", ".join(kept) or "none"])
    heads = ["statistics", "half", "way", "pairs", *ERRORS.values(), "best of its own", "bound", "within the bound"]
    return markdown_table(pd.DataFrame(lines, columns=heads))


def _halves(rows: pd.DataFrame, half_of: Callable[[tuple[Any, ...]], str]) -> dict[str, dict[str, Any]]:
    """Means of each pair by half and way."""
    means: Any = seed_means(rows)
    means["half"] = [half_of(tuple(names)) for names in means[[*PAIR]].itertuples(index=False, name=None)]
    numbers = [name for name in means.columns if name not in (*PAIR, "chosen", ROW, "said", "half")]
    return {
        str(half): {str(way): own.set_index([*PAIR])[numbers] for way, own in group.groupby(ROW, sort=False)}
        for half, group in means.groupby("half", sort=False)
    }


def _of_way(rows: pd.DataFrame, way: str) -> Any:
    return rows[rows[ROW] == way].set_index([*PAIR])


def _shown(value: float, form: str) -> str:
    return "-" if pd.isna(value) else format(value, form)
