"""Scores of nuclei found in labelled images, by image and by tissue, beside a baseline that learned nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from mani_monai.evaluation.calibration import matched_nuclei
from mani_monai.evaluation.instance_report import tissues_of
from mani_monai.metrics import compute_instance_scores
from mani_monai.metrics.overlap_table import compute_overlap_table
from mani_monai.transforms.haematoxylin import haematoxylin_probability
from mani_monai.transforms.part_nuclei import part_nuclei
from mani_monai.transforms.rescaling import Frame, ratio_of, rescaled

FIGURES = ("dice", "aji", "pq", "dq", "sq")
ALL = "all"


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in an image.

    Attributes:
        instances: HW ids of nuclei, 0 background.
        scores: of every nucleus by ascending id, 0 to 1; None where the way of finding them gives none.
    """

    instances: NDArray[np.integer]
    scores: NDArray[np.floating] | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured on many images.

    Attributes:
        rows: one an image: "image", "tissue", the figures of ``FIGURES``, "found" and "true" (numbers of nuclei), and
            "count_error", the share of the true number by which the found one differs; nan where there is no nucleus.
            "merges" and "splits" are those of :func:`parting_errors`.
        scores: of all nuclei found.
        right: whether each of these matches a true nucleus.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)


def haematoxylin_nuclei(image: NDArray[np.uint8]) -> Found:
    """Nuclei without anything learned: haematoxylin by colour deconvolution, a Gaussian, Otsu's threshold, parting.

    :func:`mani_monai.transforms.haematoxylin_probability` says how.

    Args:
        image: HW3 uint8 RGB.

    Returns:
        nuclei without scores.
    """
    return Found(part_nuclei(haematoxylin_probability(image)))


def measure(
    items: Sequence[Mapping[str, str]], find: Callable[[NDArray[np.uint8]], Found], downscale: float = 1.0
) -> Measured:
    """Scores of every image.

    Args:
        items: ``{"image": path, "label": path, ...}``, as ``mani_monai.data.datalists`` loads them.
        find: finds the nuclei of an HW3 RGB image.
        downscale: by what images and labels are made smaller first: 2 makes 20x of 40x.
    """
    tissues, measured = tissues_of(items), Measured()
    for item in items:
        with Image.open(item["image"]) as image, Image.open(item["label"]) as label:
            picture, ids = np.asarray(image.convert("RGB")), np.asarray(label).astype(np.int64)
        if downscale != 1:
            picture = rescaled(picture, 1 / downscale)
            ids = Frame.of(picture.shape[:2], 1 / ratio_of(1 / downscale)).nearest(ids)
        found = find(picture)
        figures, name = compute_instance_scores(found.instances, ids).figures(), Path(item["image"]).stem
        count, true = (int(np.count_nonzero(np.unique(values))) for values in (found.instances, ids))
        error = abs(count - true) / true if true else float("nan")
        kept = {key: figures[key] for key in FIGURES}
        counts = {"found": count, "true": true, "count_error": error, **parting_errors(found.instances, ids)}
        measured.rows.append({"image": name, "tissue": tissues[name], **kept, **counts})
        if found.scores is not None:
            measured.scores.extend(map(float, found.scores))
            measured.right.extend(map(bool, matched_nuclei(found.instances, ids)))
    return measured


def parting_errors(found: NDArray[np.integer], true: NDArray[np.integer]) -> dict[str, int]:
    """How many nuclei are merged with another one, and how many are parts of another one.

    A nucleus lies in another one with half of its area or more.

    Args:
        found: HW ids, 0 background.
        true: HW ids of the label.

    Returns:
        "merges", true nuclei in excess of one in one found nucleus, and "splits", found ones in one true nucleus.
    """
    table = compute_overlap_table(found, true)
    sides = {
        "merges": (table.label_areas[table.label_index], table.prediction_index),
        "splits": (table.prediction_areas[table.prediction_index], table.label_index),
    }
    return {
        name: int(np.maximum(np.bincount(holders[2 * table.intersection >= areas]) - 1, 0).sum())
        for name, (areas, holders) in sides.items()
    }


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Means over images by tissue and over all of them.

    Args:
        rows: of :class:`Measured`.

    Returns:
        by tissue, "all" last: "images", the means of ``FIGURES``, "found", "true", and "median_count_error".
    """
    tissues = sorted({row["tissue"] for row in rows})
    groups = {tissue: [row for row in rows if row["tissue"] == tissue] for tissue in tissues if len(tissues) > 1}
    return {name: _summary(members) for name, members in [*groups.items(), (ALL, rows)]}


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    means = {key: float(np.nanmean([row[key] for row in rows])) for key in FIGURES}
    counts = {key: sum(row[key] for row in rows) for key in ("found", "true")}
    found, true = (np.array([row[key] for row in rows], float) for key in ("found", "true"))
    true[true == 0] = np.nan
    error = float(np.nanmedian(np.abs(found - true) / true))  # "count_error" of a file is rounded already
    return {"images": len(rows), **means, **counts, "median_count_error": error}


def scores_table(summaries: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """A Markdown table of several ways of finding nuclei.

    Args:
        summaries: of :func:`summarise`, by the name of the way.
    """
    lines = ["| | tissue | images | Dice | AJI | PQ | DQ | SQ | found / true | median count error |", "|" + "---|" * 10]
    for name, tissues in summaries.items():
        for tissue, summary in tissues.items():
            figures = " | ".join(f"{summary[key]:.3f}" for key in FIGURES)
            counts = f"{summary['found']:,} / {summary['true']:,} | {summary['median_count_error']:.1%}"
            lines.append(f"| {name} | {tissue} | {summary['images']} | {figures} | {counts} |")
    return "\n".join(lines)


def scores_tables(rows: pd.DataFrame) -> str:
    """Markdown tables of what was measured on several data sets, one a data set and magnification.

    Args:
        rows: one an image and way of finding nuclei: "model", "data", "part", "downscale", and those of
            :class:`Measured`.
    """
    tables = []
    keys = ["data", "part", "downscale"]
    for data, part, downscale in rows[keys].drop_duplicates().itertuples(index=False):
        smaller = f", {downscale:g} times smaller" if downscale != 1 else ""
        chosen = (rows["data"] == data) & (rows["part"] == part) & (rows["downscale"] == downscale)
        measured = pd.DataFrame(rows[chosen])
        named = measured.groupby("model", sort=False)
        summaries = {str(name): summarise(_records(own)) for name, own in named}
        tables.append(f"**{data}, {part} images{smaller}**\n\n{scores_table(summaries)}")
    return "\n\n".join(tables)


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
