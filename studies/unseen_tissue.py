"""Scores of nuclei found in labelled images, by image and by tissue, beside a baseline that learned nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2hed
from skimage.filters import threshold_otsu

from mani_monai.evaluation.instance_report import tissues_of
from mani_monai.metrics import compute_instance_scores
from mani_monai.transforms.part_nuclei import part_nuclei

FIGURES = ("dice", "aji", "pq", "dq", "sq")
BLUR = 2.0
"""Standard deviation in pixels of the baseline's Gaussian: half a micrometre at 40x."""

ALL = "all"


def haematoxylin_nuclei(image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Nuclei without anything learned: haematoxylin by colour deconvolution, a Gaussian, Otsu's threshold, parting.

    It is what a user of QuPath or ImageJ has at home. Stains are separated with Ruifrok and Johnston's vectors.

    Args:
        image: HW3 RGB.

    Returns:
        HW ids 1..N, 0 background.
    """
    density = ndimage.gaussian_filter(rgb2hed(image)[..., 0], BLUR)
    if density.min() == density.max():
        return np.zeros(density.shape, np.int32)
    return part_nuclei((density > threshold_otsu(density)).astype(np.float32))


def score_images(
    items: Sequence[Mapping[str, str]], find: Callable[[NDArray[np.uint8]], NDArray[np.integer]]
) -> list[dict[str, Any]]:
    """Scores of every image.

    Args:
        items: ``{"image": path, "label": path, ...}``, as ``mani_monai.data.datalists`` loads them.
        find: gives HW ids of nuclei for an HW3 RGB image.

    Returns:
        a row an image: "image", "tissue", the figures of ``FIGURES``, "found" and "true" (numbers of nuclei), and
        "count_error", the share of the true number by which the found one differs; nan where there is no nucleus.
    """
    tissues, rows = tissues_of(items), []
    for item in items:
        with Image.open(item["image"]) as image, Image.open(item["label"]) as label:
            instances, ids = find(np.asarray(image.convert("RGB"))), np.asarray(label).astype(np.int64)
        scores, name = compute_instance_scores(instances, ids).figures(), Path(item["image"]).stem
        found, true = (int(np.count_nonzero(np.unique(values))) for values in (instances, ids))
        error = abs(found - true) / true if true else float("nan")
        counts = {"found": found, "true": true, "count_error": error}
        rows.append({"image": name, "tissue": tissues[name], **{key: scores[key] for key in FIGURES}, **counts})
    return rows


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Means over images by tissue and over all of them.

    Args:
        rows: of :func:`score_images`.

    Returns:
        by tissue, "all" last: "images", the means of ``FIGURES``, "found", "true", and "median_count_error".
    """
    tissues = sorted({row["tissue"] for row in rows})
    groups = {tissue: [row for row in rows if row["tissue"] == tissue] for tissue in tissues if len(tissues) > 1}
    return {name: _summary(members) for name, members in [*groups.items(), (ALL, rows)]}


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    means = {key: float(np.nanmean([row[key] for row in rows])) for key in FIGURES}
    counts = {key: sum(row[key] for row in rows) for key in ("found", "true")}
    error = float(np.nanmedian([row["count_error"] for row in rows]))
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
