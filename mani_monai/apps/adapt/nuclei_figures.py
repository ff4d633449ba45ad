"""Parted nuclei of some images: how many, how large, what part of the tissue they cover."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageNuclei:
    """The nuclei of one image, packed: a map of ids shrinks to a hundredth.

    Attributes:
        shape: height and width of the image, in pixels.
        areas: pixels of every nucleus.
        packed: the map of ids.
    """

    shape: tuple[int, int]
    areas: NDArray[np.int64]
    packed: bytes = field(repr=False)

    @classmethod
    def of(cls, instances: NDArray[np.integer]) -> ImageNuclei:
        """Packs a map.

        Args:
            instances: HW ids, 0 background.
        """
        ids = np.ascontiguousarray(instances, np.int32)
        areas = np.bincount(ids.ravel())[1:]
        return cls(ids.shape, areas[areas > 0], zlib.compress(ids.tobytes(), 1))

    @property
    def count(self) -> int:
        return len(self.areas)

    @property
    def share(self) -> float:
        """Of the image's pixels, the part that is nuclei."""
        return float(self.areas.sum() / (self.shape[0] * self.shape[1]))

    @property
    def instances(self) -> NDArray[np.int32]:
        """HW ids."""
        return np.frombuffer(zlib.decompress(self.packed), np.int32).reshape(self.shape)


@dataclass(frozen=True)
class NucleiFigures:
    """What the nuclei of some images come to.

    Attributes:
        images: how many images.
        megapixels: their size.
        areas: pixels of every nucleus.
        shares: of each image, the part of its pixels that are nuclei.
        share: of all images.
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


def nuclei_figures(images: Iterable[ImageNuclei]) -> NucleiFigures:
    """Sums up the nuclei of images.

    Raises:
        ValueError: when there is no image.
    """
    images = list(images)
    if not images:
        raise ValueError("images must hold at least one image.")
    pixels = [image.shape[0] * image.shape[1] for image in images]
    shares = tuple(image.share for image in images)
    areas = np.concatenate([image.areas for image in images])
    return NucleiFigures(len(images), sum(pixels) / 1e6, areas, shares, float(np.average(shares, weights=pixels)))


def agreement(before: Sequence[ImageNuclei], after: Sequence[ImageNuclei]) -> float:
    """Dice of all pixels of nuclei: 1 where nothing changed, also where neither has a nucleus."""
    common = sum(int(((b.instances > 0) & (a.instances > 0)).sum()) for b, a in zip(before, after, strict=True))
    pixels = sum(int(image.areas.sum()) for image in (*before, *after))
    return 2 * common / pixels if pixels else 1.0
