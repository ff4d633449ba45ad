"""How good a tile of a slide is: sharp or blurred, under a pen's ink, folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon
from skimage.color import rgb2gray, rgb2hsv
from skimage.measure import blur_effect

from mani_monai.large_picture import Window
from mani_monai.transforms.tissue import BLACK

FOCUS_UM, BLOCK_UM = 0.5, 8.0
BLURRED = 0.45
"""From here on a tile counts as blurred: that of a sharp one after a Gaussian of 0.75 um."""
_INK = (80 / 360, 225 / 360)  # hues from green to blue, which haematoxylin and eosin do not have
_INK_SATURATION, _DARK = 0.4, 0.2
_BORDER = 0.5  # share of a square that is as black as a scanner's border
_FOLD = 0.25  # saturation less brightness
_ONE_COLOUR = 0.01  # range of grey of 0..1
_LEAST = 0.05  # share of a tile that is tissue, below which blur says nothing


@dataclass(frozen=True)
class TileQuality:
    """What was measured of a tile's core; shares are in 0..1, rounded.

    Attributes:
        left: of the core in pixels of the slide, and so ``top``, ``right`` and ``bottom``.
        tissue_share: of the core.
        blur: 0 (sharp) to 1, by scikit-image's ``blur_effect`` (Crete et al. 2007) at 0.5 um; None with little tissue.
        pen_share: of the core under green, blue or black ink; red ink has eosin's colours, and a scanner's border is no
            ink.
        fold_share: of the tissue that is more saturated than bright (Kothari et al. 2013), averaged over 8 um.
    """

    left: float
    top: float
    right: float
    bottom: float
    tissue_share: float
    blur: float | None
    pen_share: float
    fold_share: float


def tile_quality(
    picture: NDArray[np.uint8], core: Window, ratio: float, um: float, tissue: Polygon | MultiPolygon
) -> TileQuality:
    """Measures a tile's core.

    Args:
        picture: HW3, the core's pixels.
        core: where it lies on the network's grid.
        ratio: pixels of the slide along one of the grid.
        um: micrometres along a pixel of the grid.
        tissue: in pixels of the slide.
    """
    edge = max(round(BLOCK_UM / um), 1)
    blocks = _averaged(picture, edge)
    rows, columns = (np.arange(side) * edge + edge / 2 for side in blocks.shape[:2])
    y, x = np.meshgrid((core.top + rows) * ratio, (core.left + columns) * ratio, indexing="ij")
    inside = shapely.contains_xy(tissue, x, y)
    hue, saturation, brightness = np.moveaxis(rgb2hsv(blocks), -1, 0)
    lightest = np.maximum(np.maximum(picture[..., 0], picture[..., 1]), picture[..., 2])
    black = lightest <= BLACK
    border = np.zeros(inside.shape, bool)
    if black.any():
        border = _averaged(black[..., None].view(np.uint8) * np.uint8(255), edge)[..., 0] >= _BORDER
    ink = (hue >= _INK[0]) & (hue <= _INK[1]) & (saturation > _INK_SATURATION) | (brightness < _DARK)
    ink &= ~border
    fold = inside & ~ink & ~border & (saturation - brightness > _FOLD)
    share = float(inside.mean())
    blur = _blur(_averaged(picture, max(round(FOCUS_UM / um), 1))) if share >= _LEAST else None
    corners = (core.left * ratio, core.top * ratio, core.right * ratio, core.bottom * ratio)
    folded = fold.sum() / max(inside.sum(), 1)
    return TileQuality(*corners, round(share, 4), blur, round(float(ink.mean()), 4), round(float(folded), 4))


@dataclass(frozen=True)
class SlideQuality:
    """Shares of a slide's tissue, or of its tiles for the pen; None without tissue.

    Attributes:
        blurred_share: of the tissue, in tiles that are blurred.
        pen_share: of the tiles.
        fold_share: of the tissue.
    """

    blurred_share: float | None
    pen_share: float | None
    fold_share: float | None

    @classmethod
    def of(cls, tiles: Sequence[TileQuality]) -> SlideQuality:
        """Weighs tiles by their tissue, or by their area."""
        areas = np.array([(tile.right - tile.left) * (tile.bottom - tile.top) for tile in tiles])
        tissue = areas * [tile.tissue_share for tile in tiles]
        if not tissue.sum():
            return cls(None, None, None)
        blurred = [tile.blur is not None and tile.blur >= BLURRED for tile in tiles]
        blur, pen, fold = (
            np.average(blurred, weights=tissue),
            np.average([tile.pen_share for tile in tiles], weights=areas),
            np.average([tile.fold_share for tile in tiles], weights=tissue),
        )
        return cls(round(float(blur), 4), round(float(pen), 4), round(float(fold), 4))


def _blur(picture: NDArray[np.float64]) -> float | None:
    grey = rgb2gray(picture)
    if min(grey.shape) < 2 or np.ptp(grey) < _ONE_COLOUR:
        return None
    return round(float(cast("float", blur_effect(grey))), 4)


def _averaged(picture: NDArray[np.uint8], edge: int) -> NDArray[np.float64]:
    """HWC in 0..1, averaged over squares; a rest at the far edges is left out where there is more."""
    height, width = (max(side // edge, 1) * edge for side in picture.shape[:2])
    if picture.shape[0] < edge or picture.shape[1] < edge:
        return picture.mean(axis=(0, 1), keepdims=True) / 255
    dtype = np.uint16 if 255 * edge**2 <= np.iinfo(np.uint16).max else np.uint32
    rows = sum((picture[start:height:edge].astype(dtype) for start in range(1, edge)), picture[:height:edge])
    sums = sum((rows[:, start:width:edge] for start in range(1, edge)), rows[:, :width:edge])
    return sums / (255.0 * edge**2)
