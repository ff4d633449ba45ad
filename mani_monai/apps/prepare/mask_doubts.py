"""Masks that cannot be what they say: numbers that repeat, rings within rings, one nucleus over everything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

ACCEPT = "--accept_doubtful"
_MOST_COVERED = 0.5  # share of an image that one nucleus may have
_SMALL = 64 * 64  # pixels; a nucleus may fill an image below
_TORN, _LEAST_TORN = 0.02, 3  # share and number of ids in pieces far apart; of drawn nuclei it is one in thousands
_ALIKE, _LEAST_ALIKE = 0.5, 2  # by ids, and number, of further pieces half as large as the largest of their id
_RINGS, _LEAST_RINGS = 0.1, 3  # share and number of ids that lie around others
_FRAME = 0.9  # share of an image's outermost pixels from which one id is a frame
_THIN = 0.15  # share of an image below which an id that reaches all four edges is lines
_HOLLOW = 0.5  # of a nucleus's own pixels, from which what it encloses makes it an outline
_LINE = 3  # pixels from the edges of a line to its middle; nuclei that touch around a lumen are thicker
_WRAPPED = 200  # ids from which a mask that ends at 255 may have had more
_SCATTERED = 5  # pieces far apart of one id; of drawn nuclei it is two at most
_FULL = 255  # the most ids that 8 bits hold
_MOST_PIECES = 3.0  # pieces an id
_POINT, _LEAST_POINTS = 2, 3  # pixels of a point or a speck, and nuclei of which most are points
_MARK, _LEAST_MARKS = 100, 10  # pixels of a mark of a nucleus's place, and how many say that they are marks
_SAME = 0.8  # share of nuclei with the very same area; of ten drawn ones it is a tenth


def mask_doubt(instances: NDArray[np.integer], stored: NDArray) -> str | None:
    """Says why a mask is not believed, and the remedy.

    Args:
        instances: HW ids 1..N without gaps, 0 background.
        stored: HW values that they were made of.

    Returns:
        the end of a sentence; None where nothing speaks against the mask.
    """
    count = int(instances.max(initial=0))
    if not count:
        return None
    areas = np.bincount(instances.ravel(), minlength=count + 1)[1:]
    if instances.size >= _SMALL and areas.max() > _MOST_COVERED * instances.size:
        share = areas.max() / instances.size
        return f"one nucleus covers {share:.0%} of the image; is the mask inverted, or a region? Mend it"
    if instances.size >= _SMALL and areas.sum() == instances.size:
        return "it has no background, as pieces of a whole image do; store 0 where no nucleus is"
    many = max(_LEAST_RINGS, _RINGS * count)
    widest, most = _bordered(instances)
    if most >= many:
        return (
            f"its value {_value(stored, instances, widest)} lies around {most} others, as borders drawn into a mask "
            "do; take the borders out"
        )
    pieces = np.asarray(label(instances, connectivity=2))
    number = int(pieces.max(initial=0))
    torn = _torn(instances, pieces, count) if number > count else 0
    ends = int(stored.max(initial=0)) == _FULL and number > count >= _WRAPPED
    if ends and (apart := _torn(instances, pieces, count, of_longest=True)):
        return (
            f"{apart} of its {count} ids lie in pieces far apart and end at 255; the ids wrapped at 8 bits, or cut "
            "there? Store them with 16 bits"
        )
    if number > _MOST_PIECES * count and number - count >= _LEAST_TORN:
        return (
            f"its {count} ids lie in {number} pieces, as noise, probabilities or cell types do; "
            "store an id for each nucleus, or say --mask_values binary"
        )
    if torn >= max(_LEAST_TORN, _TORN * count):
        return (
            f"{torn} of its {count} ids lie in pieces far apart, so that ids repeat; "
            "store an id for each nucleus, or say --mask_values binary"
        )
    alike = _alike(instances, pieces, count) if number > count else 0
    if alike >= max(_LEAST_ALIKE, _ALIKE * count):
        return (
            f"its {count} ids lie in {count + alike} pieces of like size, as cell types do; "
            "store an id for each nucleus, or say --mask_values binary"
        )
    scattered, most = _scattered(instances, pieces, count) if number > count else (0, 0)
    if most >= _SCATTERED and instances.size >= _SMALL:
        return (
            f"its value {_value(stored, instances, scattered)} lies in {most} pieces far apart, as borders and what is "
            "to be ignored do; store 0 there, or an id for each nucleus"
        )
    rings = _rings(instances, count)
    if rings >= many:
        return (
            f"{rings} of its {count} ids lie around others, as levels of a map do; threshold it, "
            "or store an id for each nucleus"
        )
    if instances.size >= _SMALL and _framed(instances, areas):
        return "one of its nuclei reaches all four edges, as a frame or lines do; take that out"
    hollow = _hollow(instances, areas)
    if hollow >= many:
        return f"{hollow} of its {count} nuclei are hollow, as outlines are; fill them"
    return _points(areas) if instances.size >= _SMALL else None


def is_full(stored: NDArray, count: int) -> bool:
    """Whether a mask has as many ids as 8 bits hold, so that the 256th would have been lost unseen."""
    return stored.dtype.itemsize == 1 and count == _FULL


def _points(areas: NDArray[np.int64]) -> str | None:
    """Why they are points, noise or marks of one size, with the remedy; None where they may be nuclei."""
    count, areas_of_each = len(areas), np.bincount(areas)
    area, alike = int(areas_of_each.argmax()), int(areas_of_each.max())
    if count >= _LEAST_POINTS and np.median(areas) <= _POINT:
        return f"most of its {count} nuclei have {_POINT} pixels or less, as points and noise do; draw them whole"
    if count >= _LEAST_MARKS and area <= _MARK and alike >= _SAME * count:
        return f"{alike} of its {count} nuclei have {area} pixels each, as marks of their places do; draw them whole"
    return None


def _alike(instances: NDArray, pieces: NDArray, count: int) -> int:
    """How many pieces are at least half as large as the largest one of their id, besides that."""
    areas, owner = np.bincount(pieces.ravel())[1:], _owner(instances, pieces)
    largest = np.zeros(count + 1, np.int64)
    np.maximum.at(largest, owner, areas)
    return int((2 * areas >= largest[owner]).sum()) - count


def _owner(instances: NDArray, pieces: NDArray) -> NDArray[np.int64]:
    """The id of each piece."""
    owner = np.zeros(int(pieces.max()) + 1, np.int64)
    owner[pieces.ravel()] = instances.ravel()
    return owner[1:]


def _torn(instances: NDArray, pieces: NDArray, count: int, of_longest: bool = False) -> int:
    """How many ids lie in pieces that are further apart than they are long: all of them, or the longest one."""
    return int(_apart(instances, pieces, count, of_longest)[0].sum())


def _scattered(instances: NDArray, pieces: NDArray, count: int) -> tuple[int, int]:
    """The id of most pieces among those that lie further apart than the longest one is long, and how many it has."""
    apart, several = _apart(instances, pieces, count, of_longest=True)
    each = np.where(apart, several, 0)
    return int(each.argmax()) + 1, int(each.max())


def _apart(
    instances: NDArray, pieces: NDArray, count: int, of_longest: bool
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Of each id: whether its pieces are further apart than they are long, and how many it has."""
    owner = _owner(instances, pieces)
    several = np.bincount(owner, minlength=count + 1)[1:]
    lengths, each = np.zeros(count + 1), _diagonals(pieces)
    if of_longest:
        np.maximum.at(lengths, owner, each)
    else:
        np.add.at(lengths, owner, each)
    return (several > 1) & (_diagonals(instances) > 2 * lengths[1:] + 4), several


def _diagonals(labels: NDArray) -> NDArray[np.float64]:
    boxes = ndimage.find_objects(labels)
    return np.array([np.hypot(*(side.stop - side.start for side in box)) for box in boxes])


def _rings(instances: NDArray, count: int) -> int:
    """How many ids have holes in which other ids lie."""
    boxes = ndimage.find_objects(instances)
    edges = np.array([[rows.start, columns.start, rows.stop, columns.stop] for rows, columns in boxes])
    rings = 0
    for number, (top, left, bottom, right) in enumerate(edges.tolist(), start=1):
        inside = (edges[:, 0] > top) & (edges[:, 1] > left) & (edges[:, 2] < bottom) & (edges[:, 3] < right)
        if inside.any():
            part = instances[boxes[number - 1]]
            holes = ndimage.binary_fill_holes(part == number) & (part != number)
            rings += bool((part[holes] > 0).any())
    return rings


def _bordered(instances: NDArray) -> tuple[int, int]:
    """The id that reaches furthest, and how many holes it has in which one other id lies."""
    boxes = ndimage.find_objects(instances)
    widest = max(range(len(boxes)), key=lambda place: instances[boxes[place]].size)
    part = instances[boxes[widest]]
    own = part == widest + 1
    holes = np.asarray(label(ndimage.binary_fill_holes(own) & ~own, connectivity=1))
    within = (holes > 0) & (part > 0)
    pairs = np.unique(np.stack([holes[within], part[within]]), axis=1)
    return widest + 1, int((np.bincount(pairs[0]) == 1).sum())


def _hollow(instances: NDArray, areas: NDArray[np.int64]) -> int:
    """How many nuclei are lines around half as much background as they have pixels."""
    hollow = 0
    for number, box in enumerate(ndimage.find_objects(instances), start=1):
        part = instances[box]
        if part.size > (1 + _HOLLOW) * areas[number - 1]:
            own = part == number
            holes = ndimage.binary_fill_holes(own) & (part == 0)
            encloses = bool(holes.sum() >= _HOLLOW * areas[number - 1])
            hollow += encloses and not ndimage.binary_erosion(own, iterations=_LINE).any()
    return hollow


def _framed(instances: NDArray, areas: NDArray[np.int64]) -> bool:
    """Whether an id has nearly all of an image's outermost pixels, or is thin and reaches all four edges."""
    edges = [instances[0], instances[-1], instances[:, 0], instances[:, -1]]
    counts = np.bincount(np.concatenate(edges))[1:]
    if counts.max(initial=0) > _FRAME * sum(map(len, edges)):
        return True
    everywhere = set.intersection(*(set(np.unique(edge).tolist()) for edge in edges)) - {0}
    return any(areas[number - 1] < _THIN * instances.size for number in everywhere)


def _value(stored: NDArray, instances: NDArray, number: int) -> int:
    """What a mask has where an id is."""
    return int(stored[instances == number][0])
