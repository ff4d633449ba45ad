"""The PanNuke protocol: binary and multi-class panoptic quality over tissues (Gamper et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arithmetic import mean_of_scored
from .empty_rules import HEADLINE_RULE, apply_empty_rule, check_empty_rule
from .panoptic_counts import PanopticCounts

HEADLINE_AGGREGATION = "image"
AGGREGATIONS = (HEADLINE_AGGREGATION, "tissue", "pooled")


@dataclass(frozen=True)
class PanNukeScores:
    """Figures of a data set, with the choices that they depend on."""

    empty_rule: str
    aggregation: str
    images: int  # all of them
    scored: int  # those whose bPQ the rule does not leave out
    bpq: float
    mpq: float | None  # None without types
    class_pq: dict[str, float]  # empty without types
    tissue_images: dict[str, int]
    tissue_bpq: dict[str, float]
    tissue_mpq: dict[str, float]  # empty without types


def compute_pannuke_scores(
    counts: PanopticCounts,
    tissues: Sequence[str],
    class_counts: PanopticCounts | None = None,
    class_names: Sequence[str] = (),
    empty_rule: str = HEADLINE_RULE,
    aggregation: str = HEADLINE_AGGREGATION,
) -> PanNukeScores:
    """bPQ and, where types exist, mPQ and the PQ of each class; overall and by tissue.

    An image's bPQ ignores types; its mPQ is the mean over classes that the rule does not leave out. "image" averages
    images. "tissue" averages the images of each tissue, then tissues, equally (the published bPQ and mPQ; the published
    PQ of a class is that of "image"). "pooled"
    sums counts over images, without those that "skip_gt_empty" leaves out; MONAI's ``PanopticQualityMetric`` is
    "pooled" with "skip_both_empty". A tissue's own figure is pooled over its images under "pooled", else their mean.

    Args:
        counts: four arrays of N images.
        tissues: N names.
        class_counts: four arrays of N x C.
        class_names: C names.
        empty_rule: what an image, or a class in an image, without nuclei scores, see ``apply_empty_rule``.
        aggregation: "image", "tissue" or "pooled".

    Returns:
        the figures; nan where the rule leaves nothing to score.

    Raises:
        ValueError: when sizes do not agree, or there is no such rule or aggregation.
    """
    check_empty_rule(empty_rule)
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation must be one of {AGGREGATIONS}, got {aggregation!r}.")
    shape = (len(tissues),)
    if np.shape(counts.tp) != shape or not tissues:
        raise ValueError(f"counts must be of as many images as tissues, >= 1, got {np.shape(counts.tp)} and {shape}.")
    if class_counts is None:
        class_counts = PanopticCounts.from_array(np.zeros((*shape, 0, 4)))
    if np.shape(class_counts.tp) != (*shape, len(class_names)):
        raise ValueError(
            f"class_counts must be images x class_names, {(*shape, len(class_names))}, got {np.shape(class_counts.tp)}."
        )

    columns = _Columns(counts, class_counts, empty_rule, pooled=aggregation == "pooled")
    everything = columns.mean(np.ones(shape, bool))
    names = np.asarray(tissues)
    groups = {str(tissue): names == tissue for tissue in np.unique(names)}
    by_tissue = {tissue: columns.mean(members) for tissue, members in groups.items()}
    if aggregation == "tissue":
        everything = mean_of_scored(np.stack(list(by_tissue.values())))
    typed = len(class_names) > 0
    return PanNukeScores(
        empty_rule=empty_rule,
        aggregation=aggregation,
        images=len(tissues),
        scored=int(np.isfinite(apply_empty_rule(counts.pq, counts, empty_rule)).sum()),
        bpq=float(everything[0]),
        mpq=float(everything[1]) if typed else None,
        class_pq=dict(zip(class_names, everything[2:].tolist(), strict=True)),
        tissue_images={tissue: int(members.sum()) for tissue, members in groups.items()},
        tissue_bpq={tissue: float(figures[0]) for tissue, figures in by_tissue.items()},
        tissue_mpq={tissue: float(figures[1]) for tissue, figures in by_tissue.items()} if typed else {},
    )


@dataclass(frozen=True, eq=False)
class _Columns:
    """bPQ, mPQ and the PQ of C classes of any selection of images."""

    counts: PanopticCounts
    class_counts: PanopticCounts
    empty_rule: str
    pooled: bool

    def mean(self, members: NDArray[np.bool_]) -> NDArray[np.float64]:
        """2 + C figures of the images where ``members`` (N) is true."""
        binary, classes = self._scores(self.counts, members), self._scores(self.class_counts, members)
        image_mpq = mean_of_scored(classes, axis=1)
        return mean_of_scored(np.column_stack((binary, image_mpq, classes)))

    def _scores(self, counts: PanopticCounts, members: NDArray[np.bool_]) -> NDArray[np.float64]:
        """PQ of each image, or one row for all where they are pooled."""
        chosen = PanopticCounts.from_array(counts.as_array()[members])
        if self.pooled:
            array = chosen.as_array()
            if self.empty_rule == HEADLINE_RULE:
                array[chosen.label_empty] = 0
            chosen = PanopticCounts.from_array(array.sum(axis=0, keepdims=True))
        return apply_empty_rule(chosen.pq, chosen, self.empty_rule)
