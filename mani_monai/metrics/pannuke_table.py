"""PanNuke figures as text: never one without its rule and aggregation, and the others beside it."""

from __future__ import annotations

from collections.abc import Sequence

from .empty_rules import EMPTY_RULES, HEADLINE_RULE
from .pannuke_scores import AGGREGATIONS, HEADLINE_AGGREGATION, PanNukeScores, compute_pannuke_scores
from .panoptic_counts import PanopticCounts


def pannuke_table(
    counts: PanopticCounts,
    tissues: Sequence[str],
    class_counts: PanopticCounts | None = None,
    class_names: Sequence[str] = (),
    empty_rule: str = HEADLINE_RULE,
    aggregation: str = HEADLINE_AGGREGATION,
) -> str:
    """The figures under one rule and aggregation, the overall ones under every other, then tissues and classes.

    Args:
        counts: four arrays of N images.
        tissues: N names.
        class_counts: four arrays of N x C.
        class_names: C names.
        empty_rule: of the first figure and of tissues and classes.
        aggregation: likewise.

    Returns:
        lines of text.
    """

    def scores(rule: str, how: str) -> PanNukeScores:
        return compute_pannuke_scores(counts, tissues, class_counts, class_names, rule, how)

    chosen = scores(empty_rule, aggregation)
    figures = f"bPQ {chosen.bpq:.4f}" + (f", mPQ {chosen.mpq:.4f}" if chosen.mpq is not None else "")
    lines = [
        f"{figures}: empty images {empty_rule} ({chosen.scored} of {chosen.images} scored), aggregation {aggregation}"
    ]
    every = {(rule, how): scores(rule, how) for rule in EMPTY_RULES for how in AGGREGATIONS}
    for name in ("bpq", "mpq") if chosen.mpq is not None else ("bpq",):
        lines += ["", f"{name.replace('pq', 'PQ'):<20}" + "".join(f"{how:>10}" for how in AGGREGATIONS)]
        for rule in EMPTY_RULES:
            lines.append(f"{rule:<20}" + "".join(f"{getattr(every[rule, how], name):>10.4f}" for how in AGGREGATIONS))
    lines += ["", f"{'tissue':<20}{'images':>10}{'bPQ':>10}" + (f"{'mPQ':>10}" if chosen.tissue_mpq else "")]
    for tissue, images in chosen.tissue_images.items():
        mpq = f"{chosen.tissue_mpq[tissue]:>10.4f}" if chosen.tissue_mpq else ""
        lines.append(f"{tissue:<20}{images:>10}{chosen.tissue_bpq[tissue]:>10.4f}{mpq}")
    if chosen.class_pq:
        lines += ["", f"{'class':<20}{'PQ':>10}"]
        lines += [f"{name:<20}{pq:>10.4f}" for name, pq in chosen.class_pq.items()]
    return "\n".join(lines)
