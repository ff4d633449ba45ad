"""An image with its nuclei outlined."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion
from skimage.segmentation import find_boundaries

from scripts.utils.folders import replacing

from .instance_maps import checked
from .tables import YELLOW, nucleus_class

_LARGE = 200
"""Pixels of a nucleus of middle size from which on a file's outlines are two pixels wide: one is lost on a screen."""


def outline_nuclei(
    image: NDArray[np.uint8],
    instances: NDArray[np.integer],
    table: Mapping[str, NDArray] | None = None,
    wide: bool = False,
) -> NDArray[np.uint8]:
    """Draws every nucleus's outermost pixels in the colour of its class.

    Nuclei that touch keep an outline each, which the contour of a mask would lose.

    Args:
        image: HW3.
        instances: HW ids, 0 background.
        table: columns ``id`` and ``type`` of these nuclei, where they have types.
        wide: outlines have two pixels, both of the nucleus.

    Returns:
        a new HW3 image.

    Raises:
        ValueError: when image is not of the size of instances.
    """
    instances = checked(instances)
    if image.shape != (*instances.shape, 3):
        raise ValueError(f"image must be {(*instances.shape, 3)}, got {image.shape}.")
    colours = np.tile(np.array(nucleus_class().colour, np.uint8), (int(instances.max(initial=0)) + 1, 1))
    if table is not None and "type" in table:
        for kind in np.unique(table["type"]):
            colours[table["id"][table["type"] == kind]] = nucleus_class(int(kind)).colour
    edge = find_boundaries(instances, mode="inner")
    if wide:
        edge = np.asarray(binary_dilation(edge), bool) & (instances > 0)
    drawn = image.copy()
    drawn[edge] = colours[instances[edge]]
    return drawn


def has_large_nuclei(instances: NDArray[np.integer]) -> bool:
    """Whether the nucleus of middle size has enough pixels for an outline of two.

    Args:
        instances: HW ids, 0 background.
    """
    areas = np.bincount(checked(instances)[instances > 0])
    return bool(areas.any()) and float(np.median(areas[areas > 0])) >= _LARGE


def outline_mask(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], colour: tuple[int, int, int] = YELLOW
) -> NDArray[np.uint8]:
    """Draws the contour of a mask, two pixels wide.

    Args:
        image: HW3.
        mask: HW.
        colour: RGB.

    Returns:
        a new HW3 image.
    """
    drawn = image.copy()
    drawn[np.asarray(binary_dilation(mask), bool) & ~np.asarray(binary_erosion(mask), bool)] = colour
    return drawn


def write_overlay(
    path: str | Path,
    image: NDArray[np.uint8],
    instances: NDArray[np.integer],
    table: Mapping[str, NDArray] | None = None,
) -> None:
    """Writes the picture that :func:`outline_nuclei` draws, as PNG; outlines are wide where nuclei are large.

    Args:
        path: the file; its folder is made.
        image: HW3.
        instances: HW ids, 0 background.
        table: columns ``id`` and ``type`` of these nuclei, where they have types.

    Raises:
        InputError: when the file cannot be written.
    """
    with replacing(path) as partial:
        picture = outline_nuclei(image, instances, table, has_large_nuclei(instances))
        Image.fromarray(picture).save(partial, compress_level=4)
