"""A slide at a glance: its tissue, and how dense its nuclei are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from shapely import MultiPolygon, Polygon

from mani_monai.apps.slides.slide import Slide
from mani_monai.utils.folders import replacing

EDGE = 1024  # pixels of the longer side of each of the two pictures
CELL_UM = 50.0  # of the squares in which nuclei are counted
_BAND = 28  # pixels of the line of words
_GREEN, _INK, _PAPER = (0, 140, 0), (20, 20, 20), (255, 255, 255)
_RAMP = np.array([(255, 237, 160), (254, 178, 76), (240, 59, 32), (128, 0, 38)], np.float32)  # few to many
_COVER = 0.65
_HIGHEST = 99.0  # percentile of the squares with nuclei that gets the darkest colour


class Density:
    """Nuclei per square of a slide, counted as they come.

    Args:
        slide: the slide.
    """

    def __init__(self, slide: Slide) -> None:
        side = max(CELL_UM / slide.size.um, max(slide.shape) / EDGE)
        self._side = side
        self.mm2 = (side * slide.size.um) ** 2 / 1e6
        self.counts = np.zeros([int(edge // side) + 1 for edge in slide.shape], np.int64)
        self.extent = (slide.shape[1] / side, slide.shape[0] / side)
        """Width and height of the slide in squares, the last of which reach beyond it."""

    def add(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Counts nuclei by their centroids in pixels of the slide."""
        np.add.at(self.counts, ((y // self._side).astype(int), (x // self._side).astype(int)), 1)


def write_overview(path: Path, slide: Slide, tissue: Polygon | MultiPolygon, density: Density, words: str) -> None:
    """Writes a JPEG: the slide with its tissue outlined, and the density of its nuclei.

    Args:
        path: the file.
        slide: the slide.
        tissue: in pixels of it.
        density: of its nuclei.
        words: a line below, such as how many.

    Raises:
        InputError: when the slide cannot be decoded or the file cannot be written.
    """
    scale = min(EDGE / max(slide.shape), 1.0)
    height, width = (max(round(side * scale), 1) for side in slide.shape)
    picture = slide.overview((height, width))
    outlined = Image.fromarray(picture)
    draw = ImageDraw.Draw(outlined)
    for part in getattr(tissue, "geoms", [tissue]):
        for ring in [part.exterior, *part.interiors] if not part.is_empty else ():
            draw.line([(x * scale, y * scale) for x, y in ring.coords], fill=_GREEN, width=2)
    dense, most = _painted(picture, density)
    sheet = Image.new("RGB", (2 * width + 8, height + _BAND), _PAPER)
    sheet.paste(outlined, (0, 0))
    sheet.paste(Image.fromarray(dense), (width + 8, 0))
    line = f"{words}; darkest red: {most:,.0f} nuclei per mm2"
    ImageDraw.Draw(sheet).text((6, height + 8), line, fill=_INK)
    with replacing(path) as partial:
        sheet.save(partial, "JPEG", quality=88)


def _painted(picture: NDArray[np.uint8], density: Density) -> tuple[NDArray[np.uint8], float]:
    """The picture under the density, and what the darkest colour stands for."""
    per_mm2 = ndimage.gaussian_filter(density.counts / density.mm2, 0.7)
    filled = per_mm2[density.counts > 0]
    most = float(np.percentile(filled, _HIGHEST)) if len(filled) else 0.0
    if not most:
        return picture, 0.0
    height, width = picture.shape[:2]
    level = Image.fromarray(np.clip(per_mm2 / most, 0, 1).astype(np.float32))
    level = np.asarray(level.resize((width, height), Image.Resampling.BILINEAR, box=(0, 0, *density.extent)))
    place = np.clip(level, 0, 1) * (len(_RAMP) - 1)
    below = np.minimum(place.astype(int), len(_RAMP) - 2)
    rest = (place - below)[..., None]
    colour = _RAMP[below] * (1 - rest) + _RAMP[below + 1] * rest
    cover = (_COVER * np.clip(level * 4, 0, 1))[..., None]
    return (picture * (1 - cover) + colour * cover).round().astype(np.uint8), most
