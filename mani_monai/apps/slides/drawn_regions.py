"""Rectangles that a person drew on a slide, and the nuclei in them, out of a file of QuPath."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from mani_monai.apps.slides.slide import Slide
from mani_monai.data.readers.geojson_outlines import read_objects
from mani_monai.data.readers.outlines import PARTS, Outline, is_region_name, pixels_within
from mani_monai.large_picture import Window
from mani_monai.utils import InputError

BOTH, ANNOTATIONS, DETECTIONS = "both", "annotations", "detections"
OBJECTS = (ANNOTATIONS, DETECTIONS, BOTH)
_RECTANGLE = 0.99  # least share of its bounding box: QuPath rounds coordinates
_COVERED = 0.5  # of a detection, from which an annotation stands for it


@dataclass(frozen=True)
class DrawnRegion:
    """A rectangle in which every nucleus is labelled.

    Attributes:
        window: on the network's grid, within the slide.
        part: "training", "validation" or "test".
        nuclei: those that reach into it; points are x, y in pixels of the window.
        notes: (what was changed or left out, how often).
    """

    window: Window
    part: str
    nuclei: tuple[Outline, ...]
    notes: tuple[tuple[str, int], ...]


def drawn_regions(path: Path, slide: Slide, ratio: float, objects: str | None = None) -> list[DrawnRegion]:
    """Reads the rectangles of classes "Training", "Validation" and "Test", and all else as nuclei.

    Args:
        path: GeoJSON as QuPath exports it, packed or not.
        slide: whose file it is.
        ratio: pixels of the slide along one of the network's grid.
        objects: among ``OBJECTS``; by default the one kind that the rectangles hold.

    Returns:
        the rectangles in the file's order.

    Raises:
        InputError: when the file is no GeoJSON or has no rectangle, one is no rectangle, lies outside the slide or
            overlaps another, or rectangles hold annotations and detections and ``objects`` does not say which count.
    """
    outlines, _ = read_objects(path)
    drawn = [outline for outline in outlines if _part(outline)]
    if not drawn:
        raise InputError(f'{path}: holds no rectangle of class "Training"; draw one, set its class, and export it.')
    windows = [_window(path, outline, slide, ratio) for outline in drawn]
    _check_apart(path, windows)
    others = [outline for outline in outlines if not _part(outline)]
    others = [each for each in others if not each.is_region and not is_region_name(each.kind or "")]
    bounds = np.array([_bounds(outline) for outline in others]).reshape(-1, 4) / ratio
    reaching = [np.flatnonzero(_reach(bounds, window)) for window in windows]
    chosen = _counting(path, others, np.unique(np.concatenate(reaching)), objects)
    regions = []
    for outline, window, places in zip(drawn, windows, reaching, strict=True):
        notes: Counter[str] = Counter()
        moved = [_moved(others[place], window, ratio, notes) for place in places if place in chosen]
        nuclei = tuple(each for each in moved if _is_inside(each, window))
        notes["objects that another kind stands for, left out"] = sum(place not in chosen for place in places)
        notes["nuclei cut by the rectangle"] = sum(_crosses(each, window) for each in nuclei)
        found = tuple((what, count) for what, count in notes.items() if count)
        regions.append(DrawnRegion(window, _part(outline), nuclei, found))
    return regions


def _part(outline: Outline) -> str:
    name = (outline.kind or "").lower()
    return name if name in PARTS and outline.object_type in ("", "annotation") else ""


def _bounds(outline: Outline) -> tuple[float, ...]:
    points = np.concatenate([rings[0] for rings in outline.polygons])
    return (*points.min(axis=0), *points.max(axis=0))


def _window(path: Path, outline: Outline, slide: Slide, ratio: float) -> Window:
    """A rectangle on the network's grid, cut at the slide's edges."""
    left, top, right, bottom = _bounds(outline)
    place = f"{path}: the region at x {left:.0f}, y {top:.0f}"
    area = sum(abs(Polygon(rings[0], rings[1:]).area) for rings in outline.polygons if len(rings[0]) > 2)
    if area < _RECTANGLE * (right - left) * (bottom - top) or not area:
        raise InputError(f"{place} is no upright rectangle; draw it with QuPath's tool for rectangles.")
    height, width = slide.grid(ratio)
    rows = [min(max(round(edge / ratio), 0), height) for edge in (top, bottom)]
    columns = [min(max(round(edge / ratio), 0), width) for edge in (left, right)]
    if rows[0] == rows[1] or columns[0] == columns[1]:
        size = f"{slide.shape[0]}x{slide.shape[1]} pixels (height x width)"
        raise InputError(f"{place} lies outside of {slide.path.name}, {size}; export it in this slide's pixels.")
    return Window(rows[0], columns[0], rows[1], columns[1])


def _check_apart(path: Path, windows: Sequence[Window]) -> None:
    """Two rectangles over the same pixels would count them twice, or train on what is tested."""
    boxes = [shapely.box(each.left, each.top, each.right, each.bottom) for each in windows]
    first, second = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        if one < other and shapely.intersection(boxes[one], boxes[other]).area:
            numbers = f"{one + 1} and {other + 1} of {len(boxes)}"
            raise InputError(f"{path}: the rectangles {numbers} overlap; move them apart.")


def _reach(bounds: NDArray, window: Window) -> NDArray[np.bool_]:
    left, top, right, bottom = bounds.T
    return (left < window.right) & (right > window.left) & (top < window.bottom) & (bottom > window.top)


def _counting(path: Path, outlines: Sequence[Outline], reaching: NDArray, objects: str | None) -> set[int]:
    """Which outlines count: one kind of object, or detections that no annotation stands for, too."""
    light = {int(place) for place in reaching if outlines[place].object_type in ("detection", "cell")}
    drawn = {int(place) for place in reaching} - light
    if objects is None and light and drawn:
        raise InputError(
            f"{path}: the rectangles hold {len(drawn)} annotations and {len(light)} detections; say which are the "
            f"nuclei with --objects {', '.join(OBJECTS[:-1])} or {BOTH}."
        )
    if objects != BOTH or not light or not drawn:
        return {ANNOTATIONS: drawn, DETECTIONS: light}.get(objects or "", drawn | light)
    shapes = {place: shapely.union_all([Polygon(*_rings(each)) for each in _repaired(outlines[place])[0]])
              for place in drawn | light}  # fmt: skip
    places = sorted(drawn)
    tree = shapely.STRtree([shapes[place] for place in places])
    hidden = set()
    for place in light:
        shape = shapes[place]
        under = (shapely.intersection(shape, shapes[places[near]]).area for near in tree.query(shape))
        if max(under, default=0.0) > _COVERED * shape.area:
            hidden.add(place)
    return drawn | light - hidden


def _moved(outline: Outline, window: Window, ratio: float, notes: Counter[str]) -> Outline:
    """An outline in pixels of a window; one that crosses itself is repaired."""
    polygons, changed = _repaired(outline)
    notes["outlines repaired"] += changed
    corner = np.array([window.left, window.top])
    return replace(outline, polygons=[[ring / ratio - corner for ring in polygon] for polygon in polygons])


def _repaired(outline: Outline) -> tuple[list[list[NDArray]], bool]:
    """The polygons of an outline as OGC wants them, and whether that changed them."""
    polygons, changed = [], False
    for rings in outline.polygons:
        rings = [ring for ring in rings if len(ring) > 2]
        shape = Polygon(*_rings(rings)) if rings else Polygon()
        if shape.is_valid and not shape.is_empty:
            polygons.append(rings)
            continue
        changed = True
        parts = [part for part in shapely.get_parts(shapely.make_valid(shape)) if part.area]
        for part in (each for shape in parts for each in shapely.get_parts(shape)):
            if isinstance(part, Polygon):
                polygons.append([np.array(ring.coords) for ring in (part.exterior, *part.interiors)])
    return polygons, changed


def _rings(polygon: Sequence[NDArray]) -> tuple[NDArray, Sequence[NDArray]]:
    return polygon[0], polygon[1:]


def _is_inside(outline: Outline, window: Window) -> bool:
    """Whether it has a pixel of the window."""
    if not outline.polygons:
        return False
    return not _crosses(outline, window) or any(len(pixels_within(p, window.shape)[0]) for p in outline.polygons)


def _crosses(outline: Outline, window: Window) -> bool:
    left, top, right, bottom = _bounds(outline)
    return bool(left < 0 or top < 0 or right > window.shape[1] or bottom > window.shape[0])
