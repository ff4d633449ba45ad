"""Random instance maps, of two kinds, for every test of the metrics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

Pair = tuple[NDArray[np.int64], NDArray[np.int64]]


@pytest.fixture(scope="session")
def noise() -> Callable[..., Pair]:
    """Prediction and label that overlap as wildly as can be: every pixel is of any nucleus or of the background."""

    def make(seed: int, size: int = 6, nuclei: int = 4) -> Pair:
        generator = np.random.default_rng(seed)
        return tuple(generator.integers(0, generator.integers(1, nuclei + 2), (2, size, size + 1)))

    return make


@pytest.fixture(scope="session")
def tissue() -> Callable[..., Pair]:
    """Prediction and label of touching boxes, the prediction disturbed: shifted, lost, split and merged nuclei."""

    def make(seed: int, size: int = 80, nuclei: int = 30) -> Pair:
        generator = np.random.default_rng(seed)
        maps = np.zeros((2, size, size), np.int64)
        for i in range(1, nuclei + 1):
            y, x = generator.integers(0, size - 12, 2)
            height, width = generator.integers(6, 14, 2)
            maps[1, y : y + height, x : x + width] = i
            y, x = np.maximum(0, np.add((y, x), generator.integers(-2, 3, 2)))
            if generator.random() < 0.8:
                maps[0, y : y + height, x : x + width] = max(1, i - (generator.random() < 0.2))
            if generator.random() < 0.2:
                maps[0, y : y + 4, x : x + width] = nuclei + i
        return maps[0], maps[1]

    return make
