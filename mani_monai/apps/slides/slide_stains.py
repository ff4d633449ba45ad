"""What stands for a slide: windows that depend on no tile, and the colours of its tissue by them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mani_monai import large_picture
from mani_monai.apps.slides.slide import Slide
from mani_monai.large_picture import EDGE, SEED, STAIN_WINDOWS, Window, tissue_windows, windows_over
from mani_monai.model import Model
from mani_monai.transforms.rescaling import MOST_PIXELS, is_taken_whole
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.utils import InputError

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon


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
    whole = is_taken_whole(slide.grid(ratio))
    pictures = standing_windows(slide, ratio, region, STAIN_WINDOWS, seed)
    colours = large_picture.tissue_colours(model, pictures, whole)
    tells = whole or region is None or region.is_empty or is_picture(slide)
    if colours is not None and not colours.share and not tells:
        raise InputError(f"{slide.path}: its tissue cannot be read, or is glass; look at tissue.geojson.")
    return colours


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
    if is_taken_whole((height, width)):
        yield slide.read(Window(0, 0, height, width), ratio)
        return

    def read(window: Window) -> NDArray[np.uint8] | None:
        try:
            return slide.read(window, ratio)
        except InputError:
            return None

    if region is None or is_picture(slide):
        yield from tissue_windows(read, (height, width), count, seed)
        return
    pictures = map(read, chosen_windows((height, width), ratio, region, seed, count))
    yield from (picture for picture in pictures if picture is not None)


def chosen_windows(
    grid: tuple[int, int],
    ratio: float,
    region: Polygon | MultiPolygon,
    seed: int = SEED,
    count: int | None = STAIN_WINDOWS,
    edge: int = EDGE,
) -> list[Window]:
    """Windows whose centres lie in a region, chosen by a seed; they do not depend on the tiles.

    Args:
        grid: height and width of the network's grid.
        ratio: pixels of the slide along one of the grid.
        region: in pixels of the slide.
        seed: of the choice.
        count: how many, in raster order; all in a random order where None.
        edge: of a window in pixels.
    """
    from shapely import contains_xy

    windows = windows_over(grid, edge)
    centres = np.array([(w.left + w.right, w.top + w.bottom) for w in windows]) / 2 * ratio
    order = np.random.default_rng(seed).permutation(np.flatnonzero(contains_xy(region, *centres.T)))
    return [windows[number] for number in (order if count is None else np.sort(order[:count]))]
