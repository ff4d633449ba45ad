"""How large a file's outlines are, and whether they are in micrometres where pixels are due."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .rasters import RawMask

LEAST = 3.0
"""Square micrometres, below which the median nucleus of a file cannot be.

It is 4.4 to 52 in the 121 images of TNBC, CoNSeP and MoNuSeg.
"""
SMALL = 8.0
"""Likewise, below which it is rare (7 of the 121), so that the place of the outlines decides."""
LARGEST = 400.0
"""Likewise, above which it cannot be: a circle of 22 um."""
_FEWEST = 3  # outlines that say something


@dataclass(frozen=True)
class OutlineSizes:
    """Sizes of the nuclei of a file.

    Attributes:
        areas: of each, in pixels of the picture.
        reach: shares of the picture's height and width, from its top left corner, in which all of them lie.
        um: micrometres per pixel of the picture, where the reader knows it.
    """

    areas: NDArray
    reach: tuple[float, float]
    um: float | None = None

    @classmethod
    def of_ids(cls, ids: NDArray[np.integer]) -> OutlineSizes:
        """Those of a map.

        Args:
            ids: HW, 0 background.
        """
        areas = np.unique(ids[ids > 0], return_counts=True)[1]
        reach = [
            (np.flatnonzero((ids > 0).any(axis=1 - axis)).max(initial=-1) + 1) / ids.shape[axis] for axis in (0, 1)
        ]
        return cls(areas, (float(reach[0]), float(reach[1])))

    def doubt(self, um: float) -> str:
        """Why they are not believed to be in pixels, with the remedy; empty where they may be.

        In pixels they are too small then, or small and within the corner that the picture has in micrometres.

        Args:
            um: micrometres per pixel of the picture.
        """
        if len(self.areas) < _FEWEST or um >= 1:
            return ""
        median = float(np.median(self.areas))
        area = median * um**2
        most = SMALL if max(self.reach) <= um else LEAST
        if area >= most or not LEAST <= median <= LARGEST:
            return ""
        return (
            f"its nuclei have a median of {area:.2g} um2 at {um:.3g} um per pixel; the outlines are in micrometres, or "
            "that size is wrong; export them in pixels, or mend the size"
        )


@dataclass(frozen=True)
class OutlinedMask(RawMask):
    """A mask that was made of outlines.

    Attributes:
        sizes: of the nuclei of their file.
        beyond: how many outlines lie beyond the image.
    """

    sizes: OutlineSizes = field(kw_only=True)
    beyond: int = field(default=0, kw_only=True)

    @property
    def misplaced(self) -> str:
        """Why they are not believed to be of this image, with the remedy; empty where they may be."""
        count = self.beyond + len(self.sizes.areas)
        if 2 * self.beyond <= count:
            return ""
        return f"{self.beyond} of its {count} outlines lie beyond the image; export those of this very image"
