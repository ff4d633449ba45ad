"""Nuclei of binary masks: how many, how large, what part of the tissue they cover."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

SMALLEST = 12
"""Pixels of a nucleus: smaller pieces are specks and count as none."""
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class NucleiFigures:
    """What some masks hold.

    Attributes:
        images: how many masks.
        megapixels: their size.
        areas: pixels of every nucleus; nuclei that touch count as one, and specks do not.
        shares: of each mask, the part of its pixels that are nuclei, specks included.
        share: of all masks.
    """

    images: int
    megapixels: float
    areas: NDArray[np.int64]
    shares: tuple[float, ...]
    share: float

    @property
    def count(self) -> int:
        return len(self.areas)

    @property
    def density(self) -> float:
        """Nuclei a megapixel."""
        return self.count / self.megapixels

    @property
    def median_area(self) -> float:
        """Pixels; 0 where there is no nucleus."""
        return float(np.median(self.areas)) if self.count else 0.0

    @property
    def diameters(self) -> NDArray[np.float64]:
        """Of the circle of each nucleus's area, in pixels."""
        return 2 * np.sqrt(self.areas / np.pi)

    def summary(self) -> dict[str, float]:
        """The figures as plain numbers."""
        return {
            "images": self.images,
            "megapixels": self.megapixels,
            "nuclei": self.count,
            "nuclei_per_megapixel": self.density,
            "median_area_px": self.median_area,
            "median_diameter_px": float(np.median(self.diameters)) if self.count else 0.0,
            "nuclei_share": self.share,
        }


def measure_nuclei(masks: Iterable[NDArray]) -> NucleiFigures:
    """Measures nuclei as connected components, diagonal neighbours included.

    The same for predictions and for labels, whose ids are not told apart, so that their figures can be compared.

    Args:
        masks: HW each, above 0 nuclei.

    Raises:
        ValueError: when there is no mask.
    """
    areas, shares, pixels = [], [], []
    for mask in masks:
        nuclei = np.asarray(mask) > 0
        components, _ = label(nuclei, structure=_EIGHT_NEIGHBOURS)
        sizes = np.bincount(components.ravel())[1:]
        areas.append(sizes[sizes >= SMALLEST])
        shares.append(float(nuclei.mean()))
        pixels.append(nuclei.size)
    if not pixels:
        raise ValueError("masks must hold at least one mask.")
    share = float(np.average(shares, weights=pixels))
    return NucleiFigures(len(pixels), sum(pixels) / 1e6, np.concatenate(areas), tuple(shares), share)
