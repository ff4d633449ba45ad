"""Does a mask lie on the nuclei of its image? Nuclei take up haematoxylin, so they are darker in that stain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage
from skimage.color import hed_from_rgb

_OPTICAL_DENSITY = -np.log10((np.arange(256, dtype=np.float32) + 1) / 256)
MOST = 0.7
"""Share of an image beyond which a mask of nuclei is doubted."""
_SURROUNDINGS = 101  # pixels; a nucleus has 20 to 40 at 40x


@dataclass(frozen=True)
class Alignment:
    """How a mask lies on its image.

    Attributes:
        contrast: mean haematoxylin optical density inside nuclei minus outside, each pixel against the mean of its
            surroundings, so that ink and bare glass count for little; about 0 for a mask that belongs elsewhere.
        shift: (rows, columns) by which the mask would have to move to fit best, in pixels.
        better: "transposed", "mirrored" or the like where the mask so turned has more contrast, else None.
        share: of the image that the mask covers.
    """

    contrast: float
    shift: tuple[int, int]
    better: str | None
    share: float = 0.0

    def doubt(self, tolerance: int) -> str | None:
        """Says in a few words why the pair looks wrong, None where it looks right.

        Args:
            tolerance: a shift of up to so many pixels is no doubt.
        """
        if self.share > MOST:
            return f"nuclei cover {self.share:.0%} of the image: the mask may be inverted"
        if self.contrast <= 0:
            return f"nuclei are not darker than the rest (contrast {self.contrast:.3f})"
        if self.better:
            return f"the mask fits better {self.better}"
        if max(map(abs, self.shift)) > tolerance:
            return f"the mask fits better moved by {self.shift[0]} rows and {self.shift[1]} columns"
        return None


def haematoxylin(image: np.ndarray) -> np.ndarray:
    """Optical density of haematoxylin after Ruifrok and Johnston 2001.

    Args:
        image: HW3 uint8 RGB.

    Returns:
        HW float32.
    """
    return _OPTICAL_DENSITY[image] @ hed_from_rgb[:, 0].astype(np.float32)


def alignment(image: np.ndarray, nuclei: np.ndarray) -> Alignment | None:
    """Compares a mask with its image.

    Args:
        image: HW3 uint8 RGB.
        nuclei: HW bool.

    Returns:
        The comparison; None where the mask is empty or full, so that nothing can be compared.
    """
    inside = int(nuclei.sum())
    if inside in (0, nuclei.size):
        return None
    density = haematoxylin(image)
    density -= ndimage.uniform_filter(density, _SURROUNDINGS)
    density -= density.mean()

    def contrast(mask: np.ndarray) -> float:  # the density has mean 0, so one sum gives both means
        total = float(density[mask].sum(dtype=np.float64))
        return total / inside + total / (mask.size - inside)

    turned = {"turned by 180 degrees": nuclei[::-1, ::-1], "mirrored": nuclei[:, ::-1], "upside down": nuclei[::-1]}
    if nuclei.shape[0] == nuclei.shape[1]:
        turned |= {
            "transposed": nuclei.T,
            "turned by 90 degrees": np.rot90(nuclei),
            "turned by 270 degrees": np.rot90(nuclei, 3),
            "transposed and turned by 180 degrees": nuclei.T[::-1, ::-1],
        }
    given = contrast(nuclei)
    best = max(turned, key=lambda name: contrast(turned[name]))
    better = best if contrast(turned[best]) > given else None
    return Alignment(given, _best_shift(density, nuclei), better, inside / nuclei.size)


def _best_shift(density: np.ndarray, nuclei: np.ndarray) -> tuple[int, int]:
    """The shift of the mask with the highest (circular) correlation."""
    spectrum = np.asarray(fft.rfft2(density)) * np.conj(np.asarray(fft.rfft2(nuclei.astype(np.float32))))
    correlation = np.asarray(fft.irfft2(spectrum, s=density.shape))
    peak = np.unravel_index(int(correlation.argmax()), correlation.shape)
    rows, columns = (int(p) if p <= n // 2 else int(p) - n for p, n in zip(peak, correlation.shape, strict=True))
    return rows, columns
