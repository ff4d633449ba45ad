"""Where a slide has tissue, and which part of it counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from shapely import MultiPolygon, Polygon
from skimage.filters import threshold_otsu

from mani_monai.apps.slides.slide import UNREAD, Slide
from mani_monai.apps.slides.slide_paths import OUTLINES, files_for
from mani_monai.data.readers.geojson_outlines import read_polygons
from mani_monai.data.readers.rasters import read_mask
from mani_monai.transforms.nucleus import connected_pieces
from mani_monai.transforms.polygons import instance_polygons
from mani_monai.utils import InputError
from mani_monai.utils.subfolders import remedy_below

Region = Polygon | MultiPolygon

OVERVIEW_UM = 8.0  # micrometres per pixel in which tissue is sought
LEAST_MM2 = 0.05
LEAST_SHARE = 0.01  # of a picture, where that is less
LEAST_SIDE = 64  # pixels of a small picture's overview
LOWEST, HIGHEST = 8, 30
"""Saturations of 255 that the threshold stays between: glass alone, or tissue alone, is not parted in two."""
_ASPECT = 1.02
_BEYOND = 0.1
"""Share of drawn regions beyond the slide, above which they are another slide's; what covers all of it is none."""


def tissue_of(slide: Slide) -> Region:
    """Finds the tissue: Otsu's threshold of saturation at about 8 um, holes filled, small pieces dropped.

    Pieces below 0.05 mm2 are dropped, or below a hundredth of a picture that is small. A rim of one pixel is added.
    What cannot be decoded counts, so that its tiles are named.

    Args:
        slide: an open slide.

    Returns:
        in pixels of the slide; empty where there is none.
    """
    return seen_tissue(slide)[0]


def seen_tissue(slide: Slide) -> tuple[Region, bool]:
    """The tissue as :func:`tissue_of` finds it, and whether all of the slide could be decoded for it."""
    um = min(OVERVIEW_UM, min(slide.shape) * slide.size.um / LEAST_SIDE)
    height, width = (max(round(side * slide.size.um / um), 1) for side in slide.shape)
    picture = slide.overview((height, width))
    saturation = np.asarray(Image.fromarray(picture).convert("HSV"))[..., 1]
    read = (picture != UNREAD).any(axis=2)
    mask = ~read | (saturation > np.clip(threshold_otsu(saturation[read]) if read.any() else 0, LOWEST, HIGHEST))
    pieces, count = connected_pieces(np.asarray(ndimage.binary_fill_holes(mask), bool))
    least = min(LEAST_MM2, LEAST_SHARE * slide.area_mm2) / (slide.area_mm2 / mask.size)
    large = np.bincount(pieces.ravel(), minlength=count + 1) >= least
    large[pieces[~read]] = True
    large[0] = False
    return mask_region(np.asarray(ndimage.binary_dilation(large[pieces]), bool), slide.shape), bool(read.all())


def mask_region(mask: NDArray[np.bool_], shape: tuple[int, int]) -> Region:
    """Outlines of a mask that is stretched over a slide.

    Args:
        mask: HW, of any size.
        shape: height and width of the slide in pixels.

    Returns:
        in pixels of the slide.
    """
    outlines = instance_polygons(connected_pieces(mask)[0])
    across = np.array(shape[::-1]) / mask.shape[::-1]
    parts = [[ring * across for ring in polygon] for polygons in outlines.values() for polygon in polygons]
    return region_of(parts)


def read_region(path: str | Path, slide: Slide) -> Region:
    """Reads a region that a user gives: GeoJSON as QuPath exports it, or a picture that is not 0 in it.

    Args:
        path: the file, or a folder that has one named as the slide.
        slide: whose region it is.

    Returns:
        in pixels of the slide, cut at its edges.

    Raises:
        InputError: when it cannot be read, or lies outside the slide.
    """
    path = Path(path)
    if path.is_dir():
        path = _file_for(path, slide)
    height, width = slide.shape
    size, remedy = f"{height}x{width} pixels (height x width)", "export it in this slide's pixels."
    if path.suffix.lower() == ".png":
        mask = read_mask(path).values > 0
        aspect = mask.shape[0] * width / (mask.shape[1] * height)
        if not 1 / _ASPECT <= aspect <= _ASPECT:
            raise InputError(
                f"{path}: is {mask.shape[0]}x{mask.shape[1]} (height x width), of another form than the slide's "
                f"{height}x{width}; make it of the whole slide."
            )
        region = mask_region(mask, slide.shape)
    else:
        drawn = region_of(read_polygons(path))
        region = shapely.intersection(drawn, shapely.box(0, 0, width, height))
        if 0 < region.area < min((1 - _BEYOND) * drawn.area, height * width):
            share = 1 - region.area / drawn.area
            raise InputError(f"{path}: {share:.0%} of its regions lie beyond the slide of {size}; {remedy}")
    region = _surfaces(region)
    if not region.is_empty and region.area < 1:
        raise InputError(f"{path}: its regions are smaller than a pixel of the slide of {size}; {remedy}")
    if region.is_empty:
        raise InputError(f"{path}: no region lies within the slide of {size}; {remedy}")
    return region


def region_of(polygons: list[list[NDArray]]) -> Region:
    """The union of polygons, each an outer ring and its holes; those that cross themselves are repaired."""
    shapes = [shapely.make_valid(Polygon(rings[0], rings[1:])) for rings in polygons if len(rings[0]) > 2]
    return _surfaces(shapely.union_all(shapes))


def counted_region(
    slide: Slide,
    tissue: str | Path | None = None,
    roi: str | Path | None = None,
    seek: Callable[[Slide], Region] = tissue_of,
) -> tuple[Region, Region]:
    """The tissue, and the region in which nuclei count.

    Args:
        slide: an open slide.
        tissue: a user's own tissue, in place of what is found.
        roi: regions of interest; alone they decide, with a tissue that is given what lies in both counts.
        seek: finds the tissue where none is given.

    Raises:
        InputError: as :func:`read_region`.
    """
    found = seek(slide) if tissue is None else read_region(tissue, slide)
    if roi is None:
        return found, found
    chosen = read_region(roi, slide)
    return found, chosen if tissue is None else _surfaces(shapely.intersection(chosen, found))


def region_mm2(region: Region, slide: Slide) -> float:
    """Area in square millimetres."""
    return region.area * slide.size.um**2 / 1e6


def tissue_features(region: Region) -> dict[str, object]:
    """A GeoJSON FeatureCollection of a region's parts as annotations, to be edited and given back."""
    parts = [part for part in getattr(region, "geoms", [region]) if not part.is_empty]
    properties = {"objectType": "annotation", "classification": {"name": "Tissue", "color": [0, 160, 0]}}
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "geometry": shapely.geometry.mapping(part), "properties": properties} for part in parts
        ],
    }


def _surfaces(shape: shapely.Geometry) -> Region:
    """The polygons of a shape, without points and lines."""
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, (Polygon, MultiPolygon))]
    if isinstance(shape, shapely.GeometryCollection) and not isinstance(shape, MultiPolygon):
        shape = shapely.union_all(parts)
    return shape if isinstance(shape, (Polygon, MultiPolygon)) else MultiPolygon()


def _file_for(folder: Path, slide: Slide) -> Path:
    files = files_for(slide.path, folder, (*OUTLINES, ".png"))
    if not files:
        stem = slide.path.stem
        remedy = remedy_below(folder, tuple(f"{stem}{ending}".lower() for ending in (*OUTLINES, ".png")), "add it")
        raise InputError(f"{folder}: has no {stem}.geojson or {stem}.png for {slide.path.name}; {remedy}.")
    return files[0]
