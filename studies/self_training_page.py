"""Tables of self-training beside the statistics alone."""

from __future__ import annotations

import pandas as pd

from mani_monai.evaluation.label_free_scorer import CRITERIA, SHARE
from studies.markdown import markdown_table
from studies.statistics_page import PAIR
from studies.statistics_pairs import FIGURES

STATISTICS, TRAINED, WITH_PROTOTYPES = "statistics", "self-training", "with prototypes"
ROW = "row"
"""Column of these names."""


def ways_table(rows: pd.DataFrame) -> str:
    """Every row with its figures and label-free scores."""
    shown = [*FIGURES, *(name for name in CRITERIA if name != "density"), SHARE]
    lines = [
        [*(row[name] for name in (*PAIR, "chosen", ROW)), *(f"{row[name]:.3f}" for name in shown), row["said"]]
        for row in rows.fillna({"said": ""}).to_dict("records")
    ]
    heads = [*PAIR, "statistics", "way", "Dice", "PQ", "AJI", "count error", *shown[len(FIGURES) :], "sure nuclei"]
    return markdown_table(pd.DataFrame(lines, columns=heads))


def gains_table(rows: pd.DataFrame) -> str:
    """Over pairs, what each training gains beyond the statistics alone: the mean, and the worst."""
    lines = []
    plain = rows[rows[ROW] == STATISTICS].set_index([*PAIR])
    for way in (TRAINED, WITH_PROTOTYPES):
        own = rows[rows[ROW] == way].set_index([*PAIR])
        if own.empty:
            continue
        gains = {key: own[key] - plain.loc[own.index, key] for key in ("dice", "pq")}
        cells = [text for gain in gains.values() for text in (f"{gain.mean():+.3f}", f"{gain.min():+.3f}")]
        lines.append([way, f"{len(own)}", *cells, f"{int((gains['pq'] > 0).sum())} of {len(own)}"])
    heads = ["way", "pairs", "mean gain Dice", "worst", "mean gain PQ", "worst ", "gains PQ"]
    return markdown_table(pd.DataFrame(lines, columns=heads))
