"""Outputs as of a HoVer-Net, their instances, and maps of instances compared."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from mani_monai.transforms import hover_instances

BENCHMARK = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "post_processing.py"))


def made(size: int, pitch: float = 30, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    """A network's output for ellipses that touch: 9HW."""
    return BENCHMARK["made_output"](BENCHMARK["made_nuclei"](size, pitch, seed), noise, seed=seed)


def irregular(shape: tuple[int, int], coarse: float, seed: int = 0) -> np.ndarray:
    """Smooth noise that no nucleus made: blobs, rings and bridges with distances that fit nothing; 4HW."""
    rng = np.random.default_rng(seed)
    maps = [gaussian_filter(rng.standard_normal(shape), coarse) for _ in range(3)]
    logit, *distances = [(values / values.std()).astype(np.float32) for values in maps]
    return np.stack([np.zeros_like(logit), 3 * logit - 1, *distances])


OUTPUTS = {
    "ellipses": made(300),
    "crowded": made(200, pitch=16),
    "without noise": made(200, noise=0),
    "noisy": made(200, noise=0.5),
    "fine": irregular((300, 231), 4, seed=2),
    "coarse": irregular((331, 350), 6),
}


def ours(output: np.ndarray, **settings) -> np.ndarray:
    """The instances that this project makes of an output."""
    return hover_instances(BENCHMARK["probability_of"](output), output[2:4], **settings)


def without_gaps(instances: np.ndarray) -> np.ndarray:
    """Instances numbered from 1 on, in their order."""
    ids = np.unique(instances[instances > 0])
    return np.where(instances > 0, np.searchsorted(ids, instances) + 1, 0)


def same_instances(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two maps differ in their numbers only."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    return all(len(np.unique(side)) == pairs.shape[1] for side in pairs) and ((first > 0) == (second > 0)).all()
