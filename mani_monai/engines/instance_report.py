"""What an evaluation of instances prints beside its table: figures by tissue, and PanNuke's under every rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..metrics import FIGURES, PanopticCounts, pannuke_table

UNKNOWN = "unknown"


def tissues_of(items: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The tissue of each image of a list, by the image's name; "unknown" where the list does not say.

    Args:
        items: ``{"image": path, "tissue": name, ...}``.
    """
    return {Path(item["image"]).stem: item.get("tissue", UNKNOWN) for item in items}


def instance_report(result: Mapping[str, Any], selection: str = "last") -> str:
    """Means over images of every figure by tissue, then PanNuke's bPQ under every rule and aggregation.

    Args:
        result: what ``evaluate_selections`` returns, with "tissues", made with an ``InstanceMetricsHandler``.
        selection: whose scores.

    Returns:
        lines of text.
    """
    scores, tissues = result["selections"][selection], result["tissues"]
    images = list(scores["counts"])
    groups = {tissue: [image for image in images if tissues[image] == tissue] for tissue in sorted(tissues.values())}
    lines = [f"{selection}, by tissue", f"{'tissue':<20}{'images':>8}" + "".join(f"{name:>10}" for name in FIGURES)]
    for tissue, members in [*groups.items(), ("all", images)]:
        means = [_mean([scores[figure][image] for image in members]) for figure in FIGURES]
        lines.append(f"{tissue:<20}{len(members):>8}" + "".join(f"{mean:>10.4f}" for mean in means))
    counts = PanopticCounts.from_array(np.array([scores["counts"][image] for image in images]))
    table = pannuke_table(counts, [tissues[image] for image in images])
    return "\n".join([*lines, "", f"{selection}, PanNuke's figures", table])


def print_instance_report(result: Mapping[str, Any]) -> None:
    """Prints ``instance_report`` of the last iterate."""
    print(instance_report(result), flush=True)


def _mean(values: Sequence[float | None]) -> float:
    scored = [value for value in values if value is not None]
    return float(np.mean(scored)) if scored else float("nan")
