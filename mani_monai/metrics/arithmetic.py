"""Quotients and means where nan stands for what was not scored."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """The quotient, nan where the denominator is 0."""
    denominator = np.asarray(denominator, np.float64)
    return np.asarray(numerator, np.float64) / np.where(denominator == 0, np.nan, denominator)


def mean_of_scored(scores: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
    """Mean over an axis without nan; nan, and no warning, where there is nothing else."""
    scored = ~np.isnan(scores)
    return ratio(np.where(scored, scores, 0).sum(axis=axis), scored.sum(axis=axis))
