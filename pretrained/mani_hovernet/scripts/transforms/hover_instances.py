"""From HoVer-Net's nuclei and distance maps to instances, in time linear in pixels plus nuclei."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.special import erf
from skimage.morphology import disk
from skimage.segmentation import watershed

from .holes import filled
from .hover_borders import CACHED, BorderMap, Scale, Window, tiles
from .nucleus import connected_pieces, without_small

LARGEST_HOLE = 64
"""Pixels of either edge of the largest hole that models fill, so that windows have the nuclei of the whole."""
_BLUR_RADIUS = 4  # of MONAI's GaussianSmooth at sigma 1: four sigma


def hover_instances(
    probability: ArrayLike,
    hover_maps: ArrayLike,
    threshold: float = 0.5,
    kernel_size: int = 21,
    border_threshold: float = 0.4,
    radius: int = 2,
    min_size: int = 10,
    tile: int | None = None,
    border_scale: Scale | None = None,
    largest_hole: int | None = None,
) -> NDArray[np.int32]:
    """Nuclei as instances by HoVer-Net's rule (Graham et al. 2019, section 3.2; their ``post_proc.py``).

    Nuclei are where the probability reaches the threshold. A border map in 0..1 says where the distances fall
    steeply (the larger of the two scaled, inverted Sobel responses); where it stays low, filled and opened, lie the
    markers from which a watershed floods the nuclei.

    The label map is that of MONAI's ``HoVerNetInstanceMapPostProcessing`` at the same settings, its ids renumbered
    without gaps, with these differences:

    - The Sobel and Gaussian filters sum in float64 where MONAI's convolutions sum in float32. Borders differ by some
      1e-7, which moves a pixel where one lies that close to a threshold or to its neighbour.
    - The watershed takes marker pixels of equal height in raster order, where scikit-image leaves it to its heap, so
      that a nucleus does not depend on the rest of the map. A pixel as near to one nucleus as to the other may change
      sides: on symmetric maps free of noise only.
    - MONAI takes the larger of the two softmaxes, so that a pixel of equal ones is background. Here, as in HoVer-Net,
      a pixel at the threshold is nucleus.
    - MONAI raises where a distance map or its gradient is constant. Here a map that varies by ``LEAST_RANGE`` at most
      marks no border; where both do, every connected piece is an instance.
    - MONAI keeps a nucleus smaller than ``min_size`` where it fills the whole map.

    Args:
        probability: HW, of nuclei, finite.
        hover_maps: 2HW, horizontal then vertical distances to the centre of the nucleus, finite.
        threshold: least probability of a nucleus.
        kernel_size: edge of the Sobel kernel in pixels, odd: 21 in HoVer-Net and the zoo's bundle, 5 by MONAI's
            default.
        border_threshold: least value of the border map that no marker may have.
        radius: of the disk that opens the markers, in pixels.
        min_size: pixels below which a connected piece of the nuclei, or a marker, is dropped.
        tile: edge in pixels of the tiles in which nuclei are taken together, to bound the memory of a huge map (the
            maps may be memory-mapped): tiles of 500 take 14 bytes a pixel where the map at once (None) takes 33.
            Connected nuclei are handled together, in the tile in which they start. The instances are the same, their
            numbers are not.
        border_scale: what the border map's 0 and 1 stand for, where the maps are a window of a slide; by default they
            scale themselves, as HoVer-Net's do.
        largest_hole: pixels of either edge of a hole that is filled; all are, by default.

    Returns:
        HW ids 1..N, 0 background.

    Raises:
        ValueError: on maps that do not fit each other or are not finite, and on settings out of range.
    """
    probability, hover = np.asanyarray(probability), np.asanyarray(hover_maps)
    check_settings(kernel_size, radius, tile)
    _check_maps(probability, hover)
    components, count = without_small(*connected_pieces(probability >= threshold), min_size)
    borders = BorderMap(hover, kernel_size, CACHED, tile is None, border_scale) if count else None
    if borders is None or borders.is_empty:
        return components

    def surface(window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """What the watershed floods, and where markers may be; wrong at the window's edges as far as filters reach."""
        border, nuclei = borders(window), components[window] > 0
        certain = nuclei & (border < border_threshold)
        np.subtract(1, border, out=border)
        border *= nuclei
        return -_blurred(border), certain

    if tile is None:
        height, certain = np.empty(components.shape, np.float32), np.empty(components.shape, bool)
        for window, inner, place in tiles(components.shape, CACHED, _BLUR_RADIUS):
            height[place], certain[place] = (part[inner] for part in surface(window))
        return _divided(height, _opened(filled(certain, largest_hole), radius), components, count, min_size)

    instances, found = np.zeros_like(components), 0
    # what a nucleus encloses goes with it, for its marker is filled
    groups, count = connected_pieces(filled(components > 0, largest_hole))
    halo = kernel_size // 2 + max(_BLUR_RADIUS, radius) + 1
    for window, owned in _windows(groups, np.arange(count + 1) > 0, tile, halo):
        height, certain = surface(window)
        pieces, count = connected_pieces(owned & (components[window] > 0))
        part = _divided(height, _opened(filled(certain & owned, largest_hole), radius), pieces, count, min_size)
        np.add(part, found, out=instances[window], where=part > 0)
        found += int(part.max(initial=0))
    return instances


def check_settings(kernel_size: int, radius: int, tile: int | None) -> None:
    """Refuses settings of :func:`hover_instances` that are out of range, with a ValueError."""
    if kernel_size < 3 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and >= 3, got {kernel_size}.")
    if radius < 0:
        raise ValueError(f"radius must be >= 0, got {radius}.")
    if tile is not None and tile < 1:
        raise ValueError(f"tile must be >= 1, got {tile}.")


def _check_maps(probability: NDArray, hover: NDArray) -> None:
    if probability.ndim != 2 or hover.shape != (2, *probability.shape):
        raise ValueError(f"probability must be HW and hover_maps 2HW, got {probability.shape} and {hover.shape}.")
    if not np.isfinite([probability.min(initial=0), probability.max(initial=0)]).all():
        raise ValueError("probability must be finite, got NaN or infinity.")


def _blurred(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blurs in place, with zeros outside, by MONAI's Gaussian of sigma 1, which is integrated over each pixel."""
    x = np.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1)
    kernel = (erf((x + 0.5) / np.sqrt(2)) - erf((x - 0.5) / np.sqrt(2))) / 2
    for axis in (0, 1):
        ndimage.correlate1d(image, kernel, axis, output=image, mode="constant")
    return image


def _opened(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Erosion, then dilation by a disk, of which what lies outside the map does not count, as scikit-image opens."""
    eroded = ~_dilated(~mask, radius)
    return _dilated(eroded, radius)


def _dilated(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Dilation by a disk, row of the disk by row: the wider rows continue the narrower ones."""
    padded = np.pad(mask, radius)
    height, width = mask.shape
    half_widths = np.asarray(disk(radius)).sum(axis=1) // 2
    spread, dilated = padded[:, radius : radius + width].copy(), np.zeros_like(mask)
    for half in range(radius + 1):
        if half:
            spread |= padded[:, radius - half : radius - half + width]
            spread |= padded[:, radius + half : radius + half + width]
        for row in np.flatnonzero(half_widths == half):
            dilated |= spread[row : row + height]
    return dilated


def _divided(height: NDArray, marker: NDArray, components: NDArray, count: int, min_size: int) -> NDArray[np.int32]:
    """Gives every component of the nuclei to its marker, and floods those that hold several.

    Args:
        height: HW float32, <= 0, the lowest flooded first.
        marker: HW bool.
        components: HW, the connected pieces 1..``count`` of the nuclei.
        min_size: pixels of the smallest marker.

    Returns:
        HW ids 1..N in the raster order of their markers; a component without a marker is background.
    """
    markers, markers_count = connected_pieces(marker)
    where = np.flatnonzero(markers)
    ids, piece = markers.ravel()[where], components.ravel()[where]
    kept = np.bincount(ids, minlength=markers_count + 1) >= min_size
    kept = kept[ids] & (piece > 0)  # a filled hole may lie outside the nuclei
    where, ids, piece = where[kept], ids[kept], piece[kept]
    used = np.zeros(markers_count + 1, dtype=bool)
    used[ids] = True
    ids = np.cumsum(used, dtype=np.int32)[ids]

    owner, shared = np.zeros(count + 1, dtype=np.int32), np.zeros(count + 1, dtype=bool)
    owner[piece] = ids
    shared[piece[owner[piece] != ids]] = True
    owner[shared] = 0
    instances = owner[components]
    if shared.any():
        seeds = np.zeros_like(instances)
        seeds.ravel()[where] = ids
        for window, mask in _windows(components, shared, CACHED):
            instances[window] += _flooded(height[window], seeds[window], mask)
    return instances


def _flooded(height: NDArray[np.float32], seeds: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The watershed of the mask from its seeds; of seeds of equal height the first in raster order goes first.

    ``height`` is <= 0. float64 has 29 bits to spare below float32, and a larger integer is a lower negative number.
    """
    levels = height.astype(np.float64)
    where = np.flatnonzero(seeds * mask)
    levels.ravel().view(np.int64)[where] += np.arange(len(where), 0, -1)
    return watershed(levels, seeds, mask=mask)


def _windows(
    pieces: NDArray[np.int32], chosen: NDArray[np.bool_], tile: int, halo: int = 0
) -> Iterator[tuple[Window, NDArray[np.bool_]]]:
    """For every tile that chosen pieces start in: a window with ``halo`` pixels around them, and their mask in it.

    ``chosen`` has a value for the background, then one for every number of a piece.
    """
    numbers, boxes = np.flatnonzero(chosen), ndimage.find_objects(pieces)
    boxes = np.array([[(side.start, side.stop) for side in boxes[number - 1]] for number in numbers])
    _, group = np.unique(boxes[:, :, 0] // tile, axis=0, return_inverse=True)
    owner = np.full(len(chosen), -1)
    owner[numbers] = group
    for number, members in enumerate(np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])):
        starts, stops = boxes[members, :, 0].min(axis=0), boxes[members, :, 1].max(axis=0)
        down, across = (slice(max(start - halo, 0), stop + halo) for start, stop in zip(starts, stops, strict=True))
        yield (down, across), owner[pieces[down, across]] == number
