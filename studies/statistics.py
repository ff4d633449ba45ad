"""Means, spreads and paired differences of a table's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Scores = Mapping[int, Mapping[str, float]]
"""Dice by seed and test image."""
FEWEST_PAIRS = 6
"""Of fewer pairs there is no interval: a bootstrap of so few covers far less than it claims."""
MOST_DRAWS = 10_000_000
"""Indices drawn for a seed before the next seed's: other numbers give other intervals."""
CACHED_DRAWS = 100_000
"""Indices drawn at a time, which fit a processor's cache."""


@dataclass(frozen=True)
class Summary:
    """A row on one shift.

    Args:
        mean: over all test images of all seeds.
        seed_spread: standard deviation of the seeds' means; nan for one seed.
        image_spread: standard deviation of all test images (divided by their number, not by one less).
        seeds: how many seeds.
        images: how many scored images.
    """

    mean: float
    seed_spread: float
    image_spread: float
    seeds: int
    images: int


@dataclass(frozen=True)
class Difference:
    """A row minus another, paired by image and seed.

    Args:
        mean: over all pairs.
        low: lower end of the 95 % confidence interval; None of fewer than ``FEWEST_PAIRS`` pairs.
        high: upper end, likewise.
        pairs: how many pairs.
        seeds: how many seeds.
    """

    mean: float
    low: float | None
    high: float | None
    pairs: int
    seeds: int

    def __str__(self) -> str:
        """As tables show it: the mean, and the interval where there is one."""
        interval = "" if self.low is None else f" [{self.low:+.3f}, {self.high:+.3f}]"
        return f"{self.mean:+.3f}{interval}"


def summarise(scores: Scores) -> Summary:
    """Mean and spreads of Dice by seed and image.

    Raises:
        ValueError: when there is no score.
    """
    if not any(scores.values()):
        raise ValueError("there is no score to summarise.")
    every = np.concatenate([list(images.values()) for images in scores.values()])
    means = [np.mean(list(images.values())) for images in scores.values()]
    return Summary(
        mean=float(every.mean()),
        seed_spread=float(np.std(means, ddof=1)) if len(means) > 1 else float("nan"),
        image_spread=float(every.std()),
        seeds=len(scores),
        images=len(every),
    )


def paired_difference(scores: Scores, other: Scores, resamples: int = 10_000) -> Difference:
    """Difference of two rows over the images and seeds that both have, with a bootstrap confidence interval.

    The interval is the percentile bootstrap's, in two levels: seeds are drawn with replacement, then images within
    each drawn seed. With one seed only the images are drawn: the interval then says nothing of other seeds.

    Args:
        scores: Dice of the row.
        other: Dice of the row to compare with.
        resamples: bootstrap samples.

    Raises:
        ValueError: when the rows have no image and seed in common.
    """
    pairs = [
        np.array(
            [scores[seed][image] - other[seed][image] for image in sorted(scores[seed].keys() & other[seed].keys())]
        )
        for seed in sorted(scores.keys() & other.keys())
    ]
    pairs = [differences for differences in pairs if len(differences)]
    if not pairs:
        raise ValueError("the rows have no image and seed in common.")
    every = np.concatenate(pairs)
    low = high = None
    if len(every) >= FEWEST_PAIRS:
        low, high = _interval(tuple(differences.tobytes() for differences in pairs), resamples)
    return Difference(float(every.mean()), low, high, len(every), len(pairs))


@cache
def _interval(pairs: tuple[bytes, ...], resamples: int) -> tuple[float, float]:
    """Ends of the interval; kept, since the tables, the pictures and the CSV of a page show the same differences."""
    means = _resampled_means([np.frombuffer(differences) for differences in pairs], resamples)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _resampled_means(pairs: list[NDArray[np.float64]], resamples: int) -> NDArray[np.float64]:
    """Means of bootstrap samples: as many seeds as there are, with replacement, then as many images in each."""
    rng = np.random.default_rng(0)
    at_once = max(1, MOST_DRAWS // (len(pairs) * max(map(len, pairs))))
    sizes = [min(at_once, resamples - first) for first in range(0, resamples, at_once)]
    return np.concatenate([_drawn_means(pairs, size, rng) for size in sizes])


def _drawn_means(pairs: list[NDArray[np.float64]], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Images are drawn in every seed's place, whichever seed was drawn there: so the pages' intervals stay."""
    shape = (resamples, len(pairs))
    drawn = rng.integers(len(pairs), size=shape)
    sums, counts = np.zeros(shape), np.zeros(shape)
    for seed, differences in enumerate(pairs):
        rows = max(1, CACHED_DRAWS // (len(pairs) * len(differences)))
        for first in range(0, resamples, rows):
            part = slice(first, first + rows)
            taken = drawn[part] == seed
            images = rng.integers(len(differences), size=(*taken.shape, len(differences)))
            sums[part][taken] = differences[images[taken]].sum(axis=1)
            counts[part][taken] = len(differences)
    return sums.sum(axis=1) / counts.sum(axis=1)
