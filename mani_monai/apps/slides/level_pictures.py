"""Whether the levels of a slide show one picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mani_monai.utils import InputError

if TYPE_CHECKING:
    from mani_monai.apps.slides.slide_levels import Levels

_PARTS = 4  # along each edge, in whose middles levels are compared
_FULLEST = 8  # places of most contrast, in each of the two coarsest levels
_MOST = 2**24  # pixels of a level that is looked at as a whole
_EDGE, _FINE_EDGE, _SMALL = 64, 1024, 16  # pixels of a square in the coarser level, at most in the finer, and compared
CONTENT = 20.0
"""Of 255, by which what there is to see differs from most: above JPEG's noise at quality 30, and the glass's."""
UNLIKE = 0.6
"""Share of that, from which two squares show something else: 1 where one of them is blank, 0.5 at most where not."""
MOST_UNLIKE = 0.2
"""Share of all content in such squares, from which levels are unlike.

At most 0.02 where a level was brightened, blurred or saved anew, and mostly 0.5 or more where it shows another picture.
"""
MUCH, ALIKE = 0.05, 0.6
"""Share of the pixels that are content, from which all content has to correlate so much: 0.8 or more in one picture."""
FAINTEST, STRONGEST = 0.4, 2.5
"""Contrast of a level along that of the next finer one: 0.6 to 1.9 where both were brightened and gamma was changed."""
SHIFT = 64.0
"""Of 255, by which a level may be darker or lighter: 54 where both were changed by 15 %, one of them up."""
_LEAST = 8  # pixels of a level's edge, below which it says nothing


def check_levels(path: Path, levels: Levels) -> None:
    """Refuses a slide of which a level shows another picture than the next finer one, in squares over all of it.

    Tissue is sought in coarse levels, and a network may be shown one: each has to be the finest one reduced. Levels may
    differ in brightness, gamma, sharpness and compression. The constants were measured on tissue of CoNSeP, MoNuSeg and
    TNBC on glass, of which levels were changed by 15 %, blurred by 2 pixels and saved at qualities of 30 to 95.

    Args:
        path: the slide, for the message.
        levels: its levels.

    Raises:
        InputError: when one shows something else.
    """
    count = sum(min(size) >= _LEAST for size in levels.sizes)
    if count < 2:
        return
    places = [((row + 0.5) / _PARTS, (column + 0.5) / _PARTS) for row in range(_PARTS) for column in range(_PARTS)]
    for level in range(max(count - 2, 0), count):
        places += _fullest(levels, level)
    for level in range(1, count):
        if not _same(levels, level, places):
            raise InputError(
                f"{path}: its level {level} shows another picture than level {level - 1}; save its finest level as a "
                "slide of its own, with a new pyramid."
            )


def _fullest(levels: Levels, level: int) -> Iterator[tuple[float, float]]:
    """Middles of the squares of a level that have the most contrast, as shares of its height and width."""
    height, width = levels.sizes[level]
    if height * width > _MOST:
        return
    try:
        picture = np.asarray(levels.cut(level, 0, 0, height, width).convert("L"), np.float32)
    except InputError:  # of a damaged part: the squares of all slides stay
        return
    edge = max(math.ceil(max(height, width) / 32), _LEAST)
    rows, columns = height // edge, width // edge
    squares = picture[: rows * edge, : columns * edge].reshape(rows, edge, columns, edge)
    spread = squares.std(axis=(1, 3)).ravel()
    for place in np.argsort(-spread, kind="stable")[:_FULLEST]:
        row, column = divmod(int(place), columns)
        yield (row + 0.5) * edge / height, (column + 0.5) * edge / width


def _same(levels: Levels, level: int, places: list[tuple[float, float]]) -> bool:
    pairs = [pair for place in places if (pair := _pair(levels, level, place)) is not None]
    if not pairs:
        return True
    coarse, fine = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    usual = np.median(fine, axis=0)
    contrast, offset = _tone(coarse, fine)
    if np.abs(contrast * usual + offset - usual).max() > SHIFT:
        return False
    toned = (coarse - offset) / contrast
    content = np.maximum(np.abs(toned - usual), np.abs(fine - usual)).max(axis=1)
    shown = content > CONTENT
    if not shown.any():
        return True
    ends = np.cumsum([len(pair[0]) for pair in pairs])[:-1]
    apart = np.abs(toned - fine).max(axis=1)
    weights, unlike = (
        np.array([part.sum() for part in np.split(np.where(shown, each, 0), ends)]) for each in (content, apart)
    )
    if weights[unlike > UNLIKE * weights].sum() > MOST_UNLIKE * weights.sum():
        return False
    return shown.mean() < MUCH or bool(np.corrcoef(toned[shown].ravel(), fine[shown].ravel())[0, 1] > ALIKE)


def _tone(coarse: NDArray, fine: NDArray) -> tuple[NDArray, NDArray]:
    """Contrast and offset of each channel by which a level follows from the finer one, by least squares.

    Args:
        coarse: pixels x 3.
        fine: likewise.
    """
    middle, finer = coarse.mean(axis=0), fine.mean(axis=0)
    spread = np.square(fine - finer).mean(axis=0)
    shared = ((coarse - middle) * (fine - finer)).mean(axis=0)
    contrast = np.clip(shared / np.maximum(spread, 1), FAINTEST, STRONGEST)
    contrast = np.where(spread < 1, 1, contrast)  # of glass alone
    return contrast, middle - contrast * finer


def _pair(levels: Levels, level: int, place: tuple[float, float]) -> tuple[NDArray, NDArray] | None:
    """A square of a level, and the same of the next finer one, at one small size; None where one cannot be read."""
    coarse, fine = levels.sizes[level], levels.sizes[level - 1]
    steps = [finer / side for finer, side in zip(fine, coarse, strict=True)]
    edge = max(min(_EDGE, *coarse, math.floor(_FINE_EDGE / max(steps))), 1)
    start = [
        min(max(round(share * side - edge / 2), 0), side - edge) for share, side in zip(place, coarse, strict=True)
    ]
    first = [math.floor(begin * step) for begin, step in zip(start, steps, strict=True)]
    last = [min(math.ceil((n + edge) * step), side) for n, step, side in zip(start, steps, fine, strict=True)]
    rows, columns = (stop - begin for begin, stop in zip(first, last, strict=True))
    try:
        pictures = (
            levels.cut(level, start[0], start[1], edge, edge),
            levels.cut(level - 1, first[0], first[1], rows, columns),
        )
    except InputError:  # its tile is named where it counts
        return None
    size = (min(_SMALL, edge), min(_SMALL, edge))
    one, other = (np.asarray(each.resize(size, Image.Resampling.BOX), np.float64) for each in pictures)
    return one.reshape(-1, 3), other.reshape(-1, 3)
