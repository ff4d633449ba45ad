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
_LINE = 20  # pixels of each of the two lines below: words, and the bar of colours
_BAR = (10, 160)  # its height and width in pixels
_BESIDE = 8  # pixels between pictures, and around words
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
    """Writes a JPEG: the slide with its tissue outlined, and the density of its nuclei, with a bar of its colours.

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
    level, most = _levels(picture.shape[:2], density)
    scale_words = f"{most:,.0f} or more nuclei per mm2"
    longest = max(map(draw.textlength, (words, f"0{scale_words}")))
    least = round(longest) + _BAR[1] + 4 * _BESIDE
    sheet = Image.new("RGB", (max(2 * width + _BESIDE, least), height + 2 * _LINE + _BESIDE), _PAPER)
    sheet.paste(outlined, (0, 0))
    sheet.paste(Image.fromarray(_painted(picture, level)), (width + _BESIDE, 0))
    ImageDraw.Draw(sheet).text((_BESIDE, height + _BESIDE), words, fill=_INK)
    if most:
        _draw_bar(sheet, (_BESIDE, height + _BESIDE + _LINE), scale_words)
    with replacing(path) as partial:
        sheet.save(partial, "JPEG", quality=88)


def _levels(shape: tuple[int, ...], density: Density) -> tuple[NDArray[np.float32], float]:
    """The density over a picture as a share of what the darkest colour stands for, and this in nuclei a mm2."""
    height, width = shape
    per_mm2 = ndimage.gaussian_filter(density.counts / density.mm2, 0.7)
    filled = per_mm2[density.counts > 0]
    most = float(np.percentile(filled, _HIGHEST)) if len(filled) else 0.0
    if not most:
        return np.zeros(shape, np.float32), 0.0
    level = Image.fromarray(np.clip(per_mm2 / most, 0, 1).astype(np.float32))
    level = np.asarray(level.resize((width, height), Image.Resampling.BILINEAR, box=(0, 0, *density.extent)))
    return np.clip(level, 0, 1), most


def _painted(picture: NDArray[np.uint8], level: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture under the colours of levels in 0..1."""
    place = level * (len(_RAMP) - 1)
    below = np.minimum(place.astype(int), len(_RAMP) - 2)
    rest = (place - below)[..., None]
    colour = _RAMP[below] * (1 - rest) + _RAMP[below + 1] * rest
    cover = (_COVER * np.clip(level * 4, 0, 1))[..., None]
    return (picture * (1 - cover) + colour * cover).round().astype(np.uint8)


def _draw_bar(sheet: Image.Image, place: tuple[int, int], words: str) -> None:
    """Draws the colours of all levels as they look on glass, from 0 to what words name."""
    draw = ImageDraw.Draw(sheet)
    left, top = place
    start = left + round(draw.textlength("0")) + _BESIDE
    level = np.broadcast_to(np.linspace(0, 1, _BAR[1], dtype=np.float32), _BAR)
    glass = np.full((*_BAR, 3), _PAPER, np.uint8)
    draw.text((left, top), "0", fill=_INK)
    sheet.paste(Image.fromarray(_painted(glass, level)), (start, top))
    draw.rectangle((start - 1, top - 1, start + _BAR[1], top + _BAR[0]), outline=_INK)
    draw.text((start + _BAR[1] + _BESIDE, top), words, fill=_INK)
