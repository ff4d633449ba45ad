"""Where HoVer-Net's distance maps fall steeply: the borders between nuclei."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

KERNEL = 21
"""Edge in pixels of the Sobel kernel, as in HoVer-Net and the zoo's bundle."""
CACHED = 256
"""Edge in pixels of tiles that stay in the processor's cache while they are worked on."""
LEAST_RANGE = 0.01
"""Of distances, which go from -1 to 1 in a nucleus: what varies by less is constant but for a network's rounding."""
Window = tuple[slice, slice]
Scale = Sequence[Sequence[float]]
"""Of horizontal and vertical distances: least, largest, least and largest response; empty where nothing varies."""


class BorderMap:
    """The larger of the two inverted Sobel responses, each scaled to 0..1 over the whole map, window by window.

    Horizontal distances are scaled to 0..1 and differentiated along rows, vertical ones along columns, with MONAI's
    Sobel kernel and reflection. A map that varies by ``LEAST_RANGE`` at most, or whose response is constant, marks no
    border: rounding, scaled to 0..1, would cut one large nucleus anywhere, or leave it without a marker.

    Args:
        hover: 2HW, horizontal then vertical distances.
        kernel_size: edge of the Sobel kernel in pixels, odd.
        tile: edge in pixels of the tiles in which the responses are made.
        keep: whether to keep the responses, which otherwise are made again for every window.
        scale: what 0 and 1 stand for, where the map is a part of something larger; see :func:`border_scale`.

    Raises:
        ValueError: when ``hover`` is not finite.
    """

    def __init__(self, hover: NDArray, kernel_size: int, tile: int, keep: bool, scale: Scale | None = None) -> None:
        self.hover = hover
        self.halo = kernel_size // 2
        self.kernels = sobel_kernels(kernel_size)
        self.ranges: dict[int, tuple[np.float32, np.float32]] = {}
        self.response_ranges: dict[int, tuple[np.float32, np.float32]] = {}
        self.kept: dict[int, NDArray[np.float32]] = {}
        self.scaled = scale is not None
        for channel in (0, 1):
            if scale is not None:
                self._take(channel, tile, keep, scale[channel])
                continue
            self.ranges[channel] = low, high = np.float32(hover[channel].min()), np.float32(hover[channel].max())
            if not np.isfinite([low, high]).all():
                raise ValueError("hover_maps must be finite, got NaN or infinity.")
            if high - low > LEAST_RANGE:
                self._measure(channel, tile, keep)

    @property
    def is_empty(self) -> bool:
        """Whether there is no border anywhere."""
        return not self.response_ranges

    def __call__(self, window: Window) -> NDArray[np.float32]:
        """The border map of a window, hw in 0..1.

        Unless responses are kept it is wrong within ``kernel_size // 2`` pixels of where the window cuts the map.
        """
        borders = []
        for channel, (low, high) in self.response_ranges.items():
            response = self.kept[channel][window] if self.kept else self._response(channel, window)
            border = response - low
            border /= high - low
            np.subtract(1, border, out=border)
            borders.append(np.clip(border, 0, 1, out=border) if self.scaled else border)
        return np.maximum(*borders, out=borders[0]) if len(borders) == 2 else borders[0]

    def _take(self, channel: int, tile: int, keep: bool, scale: Sequence[float]) -> None:
        """Takes the ranges of a channel as they are given."""
        if not np.isfinite(self.hover[channel].sum(dtype=np.float64)):
            raise ValueError("hover_maps must be finite, got NaN or infinity.")
        if not scale:
            return
        low, high, least, most = (np.float32(value) for value in scale)
        self.ranges[channel] = low, high
        self._measure(channel, tile, keep)
        self.response_ranges[channel] = least, most
        if keep and channel not in self.kept:  # the same response everywhere
            self.kept[channel] = self._response(channel, (slice(None), slice(None)))

    def _measure(self, channel: int, tile: int, keep: bool) -> None:
        whole = np.empty(self.hover.shape[1:], np.float32) if keep else None
        lows, highs = [], []
        for window, inner, place in tiles(self.hover.shape[1:], tile, self.halo):
            response = self._response(channel, window)[inner]
            lows.append(response.min())
            highs.append(response.max())
            if whole is not None:
                whole[place] = response
        if min(lows) < max(highs):
            self.response_ranges[channel] = min(lows), max(highs)
            if whole is not None:
                self.kept[channel] = whole

    def _response(self, channel: int, window: Window) -> NDArray[np.float32]:
        low, high = self.ranges[channel]
        response = self.hover[(channel, *window)].astype(np.float32)
        response -= low
        response /= high - low
        smooth, difference = self.kernels
        for axis in (0, 1):
            kernel = difference if axis == 1 - channel else smooth
            ndimage.correlate1d(response, kernel, axis, output=response, mode="mirror")
        return response


def own_scale(hover: NDArray, kernel_size: int) -> list[list[float]]:
    """The scale that a map has by itself, for windows of it.

    Args:
        hover: 2HW, horizontal then vertical distances.
        kernel_size: edge of the Sobel kernel in pixels, odd.

    Returns:
        one of each channel, for JSON; empty where nothing varies.
    """
    borders = BorderMap(hover, kernel_size, CACHED, keep=False)
    found = borders.response_ranges
    return [[float(v) for v in (*borders.ranges[n], *found[n])] if n in found else [] for n in (0, 1)]


def border_scale(maps: Iterable[NDArray], kernel_size: int) -> list[list[float]]:
    """The scale over several maps, for windows of what they were taken from.

    Args:
        maps: each 2HW, horizontal then vertical distances.
        kernel_size: edge of the Sobel kernel in pixels, odd.

    Returns:
        one of each channel, for JSON; empty where nothing varies.
    """
    smooth, difference = sobel_kernels(kernel_size)
    found: tuple[list[NDArray], list[NDArray]] = ([], [])
    for hover in maps:
        for channel in (0, 1):
            response = hover[channel].astype(np.float32)
            edges = [response.min(), response.max()]
            for axis in (0, 1):
                kernel = difference if axis == 1 - channel else smooth
                ndimage.correlate1d(response, kernel, axis, output=response, mode="mirror")
            found[channel].append(np.array([*edges, response.min(), response.max()], np.float64))
    scale: list[list[float]] = []
    for each in found:
        low, high, least, most = (pick([row[n] for row in each], default=0.0) for n, pick in enumerate((min, max) * 2))
        varies = high - low > LEAST_RANGE and least < most
        scale.append([float(v) for v in (low, high, least / (high - low), most / (high - low))] if varies else [])
    return scale


def sobel_kernels(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The smoothing and the differentiating half of MONAI's ``SobelGradients`` kernel, the outer product of the two."""
    smooth, difference = np.array([1, 2, 1]) / 4, np.array([-1, 0, 1]) / 2
    for _ in range((size - 3) // 2):
        smooth, difference = (np.convolve(kernel, [0.25, 0.5, 0.25]) for kernel in (smooth, difference))
    return smooth, difference


def tiles(shape: tuple[int, int], edge: int, halo: int) -> Iterator[tuple[Window, Window, Window]]:
    """Tiles of a map: each with ``halo`` pixels on every side, where in that the tile itself lies, and where it does in
    the map."""
    for top, left in product(range(0, shape[0], edge), range(0, shape[1], edge)):
        above, before = max(top - halo, 0), max(left - halo, 0)
        yield (
            (slice(above, top + edge + halo), slice(before, left + edge + halo)),
            (slice(top - above, top - above + edge), slice(left - before, left - before + edge)),
            (slice(top, top + edge), slice(left, left + edge)),
        )
