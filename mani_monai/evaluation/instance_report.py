"""What an evaluation of instances prints beside its table: figures by tissue, and PanNuke's under every rule.

No PanNuke figure goes without its rule and aggregation, and the others beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mani_monai.evaluation.image_names import image_names
from mani_monai.metrics import CLASS_COUNTS, FIGURES, PanopticCounts
from mani_monai.metrics.empty_rules import EMPTY_RULES, HEADLINE_RULE
from mani_monai.metrics.pannuke_scores import AGGREGATIONS, HEADLINE_AGGREGATION, PanNukeScores, compute_pannuke_scores

UNKNOWN = "unknown"


def tissues_of(items: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The tissue of each image of a list, by the image's name; "unknown" where the list does not say.

    Args:
        items: ``{"image": path, "tissue": name, ...}``.
    """
    return {name: item.get("tissue", UNKNOWN) for name, item in zip(image_names(items), items, strict=True)}


def instance_report(result: Mapping[str, Any], aggregation: str = HEADLINE_AGGREGATION, selection: str = "last") -> str:
    """Means over images of every figure by tissue, then PanNuke's bPQ, and mPQ of types, under every rule.

    Args:
        result: what ``evaluate_selections`` returns, with "tissues" and "empty_rule", made with an
            ``InstanceMetricsHandler`` and, where nuclei have "types", a ``ClassMetricsHandler``.
        aggregation: of PanNuke's headline, see ``compute_pannuke_scores``.
        selection: whose scores.

    Returns:
        lines of text.
    """
    scores, tissues, rule = result["selections"][selection], result["tissues"], result["empty_rule"]
    images = list(scores["counts"])
    groups = {tissue: [image for image in images if tissues[image] == tissue] for tissue in sorted({*tissues.values()})}
    lines = [
        f"{selection}, means over images by tissue, empty images {rule}",
        f"{'tissue':<20}{'images':>8}{'scored':>8}" + "".join(f"{name:>10}" for name in FIGURES),
    ]
    for tissue, members in [*groups.items(), ("all", images)]:
        scored = [image for image in members if scores["pq"][image] is not None]
        means = [_mean([scores[figure][image] for image in scored]) for figure in FIGURES]
        lines.append(f"{tissue:<20}{len(members):>8}{len(scored):>8}" + "".join(f"{mean:>10.4f}" for mean in means))
    typed = {}
    if CLASS_COUNTS in scores:
        rows = np.array([scores[CLASS_COUNTS][image] for image in images]).reshape(len(images), -1, 4)
        typed = {"class_counts": PanopticCounts.from_array(rows), "class_names": result["types"]}
    counts = PanopticCounts.from_array(np.array([scores["counts"][image] for image in images]))
    named = [tissues[image] for image in images]

    def pannuke(rule: str, how: str) -> PanNukeScores:
        return compute_pannuke_scores(counts, named, **typed, empty_rule=rule, aggregation=how)

    table = pannuke_table(pannuke, rule, aggregation)
    return "\n".join([*lines, "", f"{selection}, PanNuke's figures", table])


def print_instance_report(result: Mapping[str, Any], aggregation: str = HEADLINE_AGGREGATION) -> None:
    """Prints ``instance_report`` of the last iterate."""
    print(instance_report(result, aggregation), flush=True)


def _mean(scores: Sequence[float]) -> float:
    return float(np.mean(scores)) if scores else float("nan")


def pannuke_table(
    scores: Callable[[str, str], PanNukeScores],
    empty_rule: str = HEADLINE_RULE,
    aggregation: str = HEADLINE_AGGREGATION,
) -> str:
    """The figures under one rule and aggregation, the overall ones under every other, then tissues and classes.

    Args:
        scores: gives the figures under a rule and an aggregation, as :func:`compute_pannuke_scores` of some images.
        empty_rule: of the first figure and of tissues and classes.
        aggregation: likewise.

    Returns:
        lines of text.
    """
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
