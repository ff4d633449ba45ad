"""Colours of a slide's tissue, once a slide, and the windows that stand for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mani_monai.apps.slides.slide import Slide, Window
from mani_monai.apps.slides.window_reach import STAINS
from mani_monai.inferers.whole_image_inferer import MOST_WHOLE
from mani_monai.model import Model
from mani_monai.transforms.rescaling import MOST_PIXELS
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.transforms.tissue import shown_as_glass, tissue_mask
from mani_monai.utils import InputError

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon

WINDOWS, EDGE = 64, 256
SEED = 0
_GLASS = 200  # of the least channel of 255
_LEAST = 0.25  # of a picture's window that is tissue, for it to stand for the picture


def tissue_colours(
    model: Model, slide: Slide, ratio: float, region: Polygon | MultiPolygon | None, seed: int = SEED
) -> TissueColours | None:
    """Measures the tissue as the model's stain normalisation sees it.

    Args:
        model: its preprocessing.
        slide: the slide.
        ratio: pixels of the slide along one of the network's grid.
        region: as of :func:`standing_windows`.
        seed: of the choice of windows.

    Returns:
        the colours; None where the model normalises no stains.

    Raises:
        InputError: when it normalises stains twice, or no window can be read.
    """
    targets = [step["_target_"] for step in model.declaration.preprocessing]
    if STAINS not in targets:
        return None
    if targets.count(STAINS) > 1:
        raise InputError("preprocessing: stains are normalised twice; slides take models that do so once.")
    position = targets.index(STAINS)
    white = np.float32(model.declaration.preprocessing[position].get("white", 255))

    def before(picture: NDArray[np.uint8]) -> NDArray:
        image = model.pixels(shown_as_glass(picture))
        for step in model.steps[:position]:
            image = step({"image": image})["image"]
        return np.asarray(image) / white

    pictures = standing_windows(slide, ratio, region, WINDOWS, seed)
    if is_taken_whole(slide, ratio):
        return TissueColours.of_image(before(next(pictures)))
    colours = TissueColours.of(map(before, pictures))
    if not colours.share and region is not None and not region.is_empty and not is_picture(slide):
        raise InputError(f"{slide.path}: its tissue cannot be read, or is glass; look at tissue.geojson.")
    return colours


def is_taken_whole(slide: Slide, ratio: float) -> bool:
    """Whether the network takes the slide at once: then all of it is measured, as of any image."""
    return math.prod(slide.grid(ratio)) <= MOST_WHOLE


def is_picture(slide: Slide) -> bool:
    """Whether an image's reader could hold the slide: it has one level, and not too many pixels."""
    return len(slide.levels.sizes) == 1 and math.prod(slide.shape) <= MOST_PIXELS


def standing_windows(
    slide: Slide, ratio: float, region: Polygon | MultiPolygon | None, count: int, seed: int = SEED
) -> Iterator[NDArray[np.uint8]]:
    """Pixels that stand for a slide: all of it where the network takes it at once, else windows chosen by a seed.

    They depend on no tile, and of a picture on no region: ``mani infer`` takes the same. Windows that cannot be read
    are left out, since their tiles name them.

    Args:
        slide: the slide.
        ratio: pixels of the slide along one of the network's grid.
        region: where windows have their centres, in pixels of the slide. None, or where the slide is a picture, takes
            those with a quarter of tissue.
        count: how many, where they are windows.
        seed: of the choice.

    Yields:
        HW3 RGB on the network's grid.

    Raises:
        InputError: when a slide that is taken whole cannot be read.
    """
    height, width = slide.grid(ratio)
    if is_taken_whole(slide, ratio):
        yield slide.read(Window(0, 0, height, width), ratio)
        return
    region, found = None if is_picture(slide) else region, 0
    for window in chosen_windows((height, width), ratio, region, seed, count if region is not None else None):
        try:
            pixels = slide.read(window, ratio)
        except InputError:
            continue
        if region is not None or _tissue_share(pixels) >= _LEAST:
            found += 1
            yield pixels
        if found == count:
            return


def _tissue_share(picture: NDArray[np.uint8]) -> float:
    """Of a picture, how much is neither glass nor ink nor black."""
    return float((tissue_mask(picture) & (picture.min(axis=2) < _GLASS)).mean())


def chosen_windows(
    grid: tuple[int, int],
    ratio: float,
    region: Polygon | MultiPolygon | None,
    seed: int = SEED,
    count: int | None = WINDOWS,
    edge: int = EDGE,
) -> list[Window]:
    """Windows whose centres lie in a region, chosen by a seed; they do not depend on the tiles.

    Args:
        grid: height and width of the network's grid.
        ratio: pixels of the slide along one of the grid.
        region: in pixels of the slide; None takes all windows.
        seed: of the choice.
        count: how many, in raster order; all in a random order where None.
        edge: of a window in pixels.
    """
    height, width = grid
    top, left = (edges.ravel() for edges in np.mgrid[0:height:edge, 0:width:edge])
    bottom, right = np.minimum(top + edge, height), np.minimum(left + edge, width)
    inside = np.arange(len(top))
    if region is not None:
        from shapely import contains_xy  # mani infer works without it

        inside = np.flatnonzero(contains_xy(region, (left + right) / 2 * ratio, (top + bottom) / 2 * ratio))
    order = np.random.default_rng(seed).permutation(inside)
    chosen = order if count is None else np.sort(order[:count])
    return [Window(*(int(edges[n]) for edges in (top, left, bottom, right))) for n in chosen]
