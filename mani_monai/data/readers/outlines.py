"""Nuclei from outlines: what a viewer gives back, one number a nucleus, none lost and no region among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import polygon as pixels_inside

from mani_monai.utils.errors import InputError

BEYOND = "outlines beyond the image left out"
PARTS = ("training", "validation", "test")
"""Classes, in lower case, of QuPath's rectangles in which every object counts."""
REGION_NAMES = {"roi", "region", "region of interest", "tissue", "annotation region", "ignore", *PARTS}
"""Classes, in lower case, whose outlines are no nuclei; QuPath's own end with a star."""
_MOST_PARTS = 8  # of one nucleus; more are nuclei that a viewer joined
_MOST_ALIKE = 2  # of them that are half as large as the largest one
_FAR = 2.0**31  # pixels: coordinates beyond are none of an image
_MOST = 0.5  # share of the image from which an outline is a region
_HUGE, _KNOWN = 50.0, 5  # times the median of more than so many outlines, from which an outline is a region
_LEAST = 1.0  # square pixels of a bounding box, below which the median outline is in another unit
_FLAT = 1e-9  # share of an outline's length squared, up to which its points lie on a line
_LARGE = 5.0  # times the median area: an outline of that size that holds even one other is a region


@dataclass(frozen=True)
class Outline:
    """One object of a viewer.

    Attributes:
        polygons: each a list of rings N2 (x, y) in pixels from the image's top left corner, the exterior first.
        number: the nucleus's own, where the file gives it one.
        kind: its class, where it has one.
        is_region: whether the file itself says that it is no single nucleus; None where it says nothing of it.
        object_type: QuPath's, in lower case: "annotation", "detection", "cell"; empty where the file says none.
    """

    polygons: Sequence[Sequence[NDArray]]
    number: int | None = None
    kind: str | None = None
    is_region: bool | None = None
    object_type: str = ""


@dataclass(frozen=True)
class OutlinedNuclei:
    """Nuclei of a file of outlines.

    Attributes:
        ids: HW int32, 0 background.
        kinds: class by id, of those that have one.
        notes: (what was left out or changed, how often).
    """

    ids: NDArray[np.int32]
    kinds: dict[int, str] = field(default_factory=dict)
    notes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class _Pixels:
    """An outline's pixels within the image."""

    outline: Outline
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @property
    def area(self) -> int:
        return len(self.rows)

    @property
    def inner(self) -> tuple[int, int]:
        """A pixel of it, amid the others."""
        return int(self.rows[self.area // 2]), int(self.columns[self.area // 2])


def rasterised(path: Path, outlines: Sequence[Outline], shape: tuple[int, int]) -> OutlinedNuclei:
    """Paints outlines: a pixel belongs to the nucleus whose outline holds its centre.

    Larger nuclei are painted first, so that a smaller one that overlaps stays. A nucleus keeps its number where no
    other claims it before; the rest get numbers that are free. Outlines that hold others, cover most of the image or
    are called a region are left out.

    Args:
        path: their file, for the message.
        outlines: in the file's order.
        shape: height and width of the image; what reaches beyond is cut off.

    Raises:
        InputError: when outlines are there, but none is a nucleus of this image, or most are smaller than a pixel.
    """
    notes: Counter[str] = Counter()
    drawn: list[_Pixels] = []
    areas: list[float] = []
    for outline in _parted(outlines, notes):
        rows, columns = _pixels_of(outline, shape)
        areas.append(_area(outline))
        if not areas[-1]:
            notes["outlines without an area left out"] += 1
        elif not len(rows):
            notes[BEYOND] += 1
        elif outline.is_region or (outline.is_region is None and is_region_name(outline.kind or "")):
            notes["regions left out"] += 1
        else:
            drawn.append(_Pixels(outline, rows, columns))
    sizes = [area for area in areas if area]
    if len(sizes) > 1 and np.median(sizes) < _LEAST:
        raise InputError(f"{path}: most of its outlines are smaller than a pixel; export them in this image's pixels.")
    regions = _regions(drawn, shape)
    notes["regions left out"] += len(regions)
    nuclei = [each for number, each in enumerate(drawn) if number not in regions]
    if outlines and not nuclei:
        why = ", ".join(f"{count} {what}" for what, count in notes.items() if count)
        raise InputError(f"{path}: holds no nucleus of this image ({why}); export the outlines of this very image.")
    ids = np.zeros(shape, np.int32)
    numbers = _numbers([each.outline for each in nuclei], notes)
    for position in sorted(range(len(nuclei)), key=lambda position: -nuclei[position].area):
        ids[nuclei[position].rows, nuclei[position].columns] = numbers[position]
    hidden = len(numbers) - len(np.setdiff1d(np.unique(ids), [0]))
    notes["nuclei drawn twice, kept once"] += hidden
    notes["overlaps resolved, the smaller nucleus on top"] += _overlapped(ids, numbers, nuclei)
    kinds = {number: each.outline.kind for number, each in zip(numbers, nuclei, strict=True) if each.outline.kind}
    return OutlinedNuclei(ids, kinds, tuple((what, count) for what, count in notes.items() if count))


def pixels_within(rings: Sequence[NDArray], shape: tuple[int, int]) -> tuple[NDArray, NDArray]:
    """Rows and columns of the pixels whose centres lie within the first ring and in none of the others."""
    rings = [np.clip(ring, -_FAR, _FAR) for ring in rings]
    left, top = np.clip(np.floor(rings[0].min(axis=0)), 0, shape[::-1]).astype(int)
    right, bottom = np.clip(np.ceil(rings[0].max(axis=0)), 0, shape[::-1]).astype(int)
    inside = np.zeros((bottom - top, right - left), bool)
    for number, ring in enumerate(rings):
        x, y = (ring - (left, top) - 0.5).T  # pixels_inside counts from pixel centres
        inside[pixels_inside(y, x, inside.shape)] = number == 0
    rows, columns = np.nonzero(inside)
    return rows + top, columns + left


def is_region_name(kind: str) -> bool:
    """Whether a class says that its outlines are no nuclei."""
    return kind.endswith("*") or kind.lower() in REGION_NAMES


def _area(outline: Outline) -> float:
    """Of the bounding boxes of its outer rings, in square pixels; 0 where their points lie on a line."""
    total = 0.0
    for ring, *_ in outline.polygons:
        points = np.clip(ring, -_FAR, _FAR) - np.clip(ring[0], -_FAR, _FAR)
        far = points[np.square(points).sum(axis=1).argmax()]
        off = np.abs(points[:, 0] * far[1] - points[:, 1] * far[0]).max()  # from the line through two of them
        total += float(np.ptp(points, axis=0).prod()) if off > _FLAT * np.square(far).sum() else 0.0
    return total


def _parted(outlines: Sequence[Outline], notes: Counter[str]) -> Iterator[Outline]:
    """The outlines, those that a viewer joined as nuclei of their own."""
    for outline in outlines:
        if outline.is_region is False or not _is_joined(outline):
            yield outline
        else:
            notes["joined objects taken apart"] += 1
            yield from (replace(outline, polygons=[polygon], number=None) for polygon in outline.polygons)


def _is_joined(outline: Outline) -> bool:
    """Whether its parts are too many or too far apart for one nucleus."""
    if len(outline.polygons) == 1:
        return False
    boxes = np.array([[*rings[0].min(axis=0), *rings[0].max(axis=0)] for rings in outline.polygons])
    sides = boxes[:, 2:] - boxes[:, :2]
    alike = boxes[sides.prod(axis=1) >= sides.prod(axis=1).max() / 2]
    if len(boxes) > _MOST_PARTS or len(alike) > _MOST_ALIKE:
        return True
    apart = np.maximum(alike[:1, :2] - alike[:, 2:], alike[:, :2] - alike[:1, 2:]).clip(0)
    return bool(np.hypot(*apart.T).max() > np.hypot(*sides.T).max())


def _overlapped(ids: NDArray[np.int32], numbers: Sequence[int], nuclei: Sequence[_Pixels]) -> int:
    """Nuclei that a smaller one took pixels of."""
    painted, left = np.unique(ids, return_counts=True)
    areas = {number: each.area for number, each in zip(numbers, nuclei, strict=True)}
    return sum(areas.get(number, 0) > area for number, area in zip(painted.tolist(), left.tolist(), strict=True))


def _pixels_of(outline: Outline, shape: tuple[int, int]) -> tuple[NDArray, NDArray]:
    parts = [pixels_within(rings, shape) for rings in outline.polygons]
    rows, columns = (np.concatenate(side) for side in zip(*parts, strict=True))
    if not len(rows):  # smaller than a pixel: the one that its middle lies in
        x, y = np.floor(np.clip(outline.polygons[0][0], -_FAR, _FAR).mean(axis=0)).astype(int)
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            return np.array([y]), np.array([x])
    return rows, columns


def _regions(drawn: Sequence[_Pixels], shape: tuple[int, int]) -> set[int]:
    """Positions of the outlines that cover most of the image, or hold others."""
    if not drawn:
        return set()
    areas = np.array([each.area for each in drawn])
    inner = np.array([each.inner for each in drawn])
    open_to_doubt = np.array([each.outline.is_region is None for each in drawn])
    large = (areas > _MOST * shape[0] * shape[1]) & open_to_doubt
    regions = set(np.flatnonzero(large).tolist())
    median = float(np.median(areas[~large])) if (~large).any() else 0.0
    if len(areas) > _KNOWN:
        regions |= set(np.flatnonzero((areas > _HUGE * median) & open_to_doubt).tolist())
    by_row = inner[:, 0].argsort()
    rows = inner[by_row, 0]
    for number, each in enumerate(drawn):
        if number in regions or not open_to_doubt[number] or each.area < 2 * areas.min():
            continue
        top, left = each.rows.min(), each.columns.min()
        inside = np.zeros((each.rows.max() - top + 1, each.columns.max() - left + 1), bool)
        inside[each.rows - top, each.columns - left] = True
        among = by_row[slice(*np.searchsorted(rows, (top, top + len(inside))))]
        near = inner[among] - (top, left)
        smaller = near[((near >= 0) & (near < inside.shape)).all(axis=1) & (areas[among] < each.area / 2)]
        places = tuple(smaller.T)
        held = inside[places].sum()
        if (held == 1 and each.area > _LARGE * median) or (
            len(smaller) > 1 and np.asarray(ndimage.binary_fill_holes(inside))[places].sum() > 1
        ):
            regions.add(number)
    return regions


def _numbers(outlines: Sequence[Outline], notes: Counter[str]) -> list[int]:
    """A number for each nucleus, its own where it is the first to claim it."""
    taken: set[int] = set()
    numbers: list[int] = []
    for outline in outlines:
        number = outline.number or 0
        numbers.append(number if 0 < number < 2**31 and number not in taken else 0)
        taken |= {numbers[-1]}
    following = max(taken, default=0)
    if following > 2**31 - 1 - len(numbers):
        return list(range(1, len(numbers) + 1))
    for position, number in enumerate(numbers):
        if not number:
            following += 1
            numbers[position] = following
            notes["nuclei numbered anew"] += any(outline.number is not None for outline in outlines)
    return numbers
