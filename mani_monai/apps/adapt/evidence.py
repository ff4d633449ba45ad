"""What is known of two models without a single target label: parted nuclei of some images, and scores."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mani_monai.evaluation.label_free_criteria import PLAUSIBLE_SHARES


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


@dataclass(frozen=True)
class Evidence:
    """What is known of the two models without target labels.

    Attributes:
        finite: whether all values of the adapted weights, and of their answers, are finite.
        scores_before: the source model's label-free scores on the target.
        scores_after: the adapted model's.
        before: nuclei that the source model finds in target images.
        after: nuclei that the adapted model finds in the same images, in the same order.
        source: nuclei of the source's labels; None where nobody has them.
        agreement: Dice of the masks before with those after.
        trained: whether weights were trained, so that label-free scores may be flattered; False of statistics alone.
        unsized: images without a pixel size, of those that were counted in; 0 where the network has none.
        scores_start: label-free scores of the batch statistics that a training began with, which nothing flatters; None
            where it began with none.
    """

    finite: bool
    scores_before: Mapping[str, float]
    scores_after: Mapping[str, float]
    before: NucleiFigures
    after: NucleiFigures
    source: NucleiFigures | None
    agreement: float
    trained: bool = True
    unsized: int = 0
    scores_start: Mapping[str, float] | None = None

    @property
    def source_model_failed(self) -> bool:
        """Whether the source model finds an implausible share of nuclei, or has scores that are not finite.

        There is nothing to compare with then.
        """
        return not plausible(self.before.share) or not all_finite(self.scores_before)

    @property
    def references(self) -> list[NucleiFigures]:
        """What the adapted model's nuclei are held against."""
        return [self.before, *([] if self.source is None else [self.source])]


def all_finite(scores: Mapping[str, float]) -> bool:
    """Whether all scores are finite numbers."""
    return all(math.isfinite(score) for score in scores.values())


def plausible(share: float) -> bool:
    """Whether a share of nuclei among the pixels is one that tissue can have."""
    low, high = PLAUSIBLE_SHARES
    return low <= share <= high


def factor(one: float, other: float) -> float:
    """How many times the larger of two figures is the smaller one; 1 for two noughts, infinite for one."""
    low, high = sorted((one, other))
    return 1.0 if high == low else high / low if low > 0 else float("inf")
