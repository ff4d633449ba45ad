"""Colours of a slide's tissue, once a slide, from some windows of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from monai.transforms import MapTransform
from shapely import MultiPolygon, Polygon, contains_xy

from mani_monai.apps.slides.network_reach import STAINS
from mani_monai.apps.slides.slide import Slide, Window
from mani_monai.model import Model
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.transforms.tissue import shown_as_glass
from mani_monai.utils import InputError

WINDOWS, EDGE = 64, 256
SEED = 0


def tissue_colours(
    model: Model, slide: Slide, ratio: float, region: Polygon | MultiPolygon, seed: int = SEED
) -> TissueColours | None:
    """Measures the tissue as the model's stain normalisation sees it.

    Args:
        model: its preprocessing.
        slide: the slide.
        ratio: pixels of the slide along one of the network's grid.
        region: where windows have their centres, in pixels of the slide.
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
    white = float(model.declaration.preprocessing[position].get("white", 255))
    before = model.declaration.build_preprocessing()[:position]
    windows = chosen_windows(slide.grid(ratio), ratio, region, seed)
    colours = TissueColours.of(_readable(slide, windows, ratio, before, white))
    if not colours.share and windows:
        raise InputError(f"{slide.path}: its tissue cannot be read, or is glass; look at tissue.geojson.")
    return colours


def chosen_windows(
    grid: tuple[int, int],
    ratio: float,
    region: Polygon | MultiPolygon,
    seed: int = SEED,
    count: int | None = WINDOWS,
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
    height, width = grid
    top, left = (edges.ravel() for edges in np.mgrid[0:height:edge, 0:width:edge])
    bottom, right = np.minimum(top + edge, height), np.minimum(left + edge, width)
    inside = np.flatnonzero(contains_xy(region, (left + right) / 2 * ratio, (top + bottom) / 2 * ratio))
    order = np.random.default_rng(seed).permutation(inside)
    chosen = order if count is None else np.sort(order[:count])
    return [Window(*(int(edges[n]) for edges in (top, left, bottom, right))) for n in chosen]


def _readable(
    slide: Slide, windows: Sequence[Window], ratio: float, steps: Sequence[MapTransform], white: float
) -> Iterator[np.ndarray]:
    """The windows as they come before stains are normalised, without those that are damaged."""
    for window in windows:
        try:
            pixels = shown_as_glass(slide.read(window, ratio))
        except InputError:
            continue  # its tile names it
        image = torch.from_numpy(np.require(pixels, requirements="W")).permute(2, 0, 1)
        for step in steps:
            image = step({"image": image})["image"]
        yield np.asarray(image) / np.float32(white)
