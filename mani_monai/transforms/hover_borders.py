"""Where HoVer-Net's distance maps fall steeply: the borders between nuclei."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Window = tuple[slice, slice]


class BorderMap:
    """The larger of the two inverted Sobel responses, each scaled to 0..1 over the whole map, window by window.

    Horizontal distances are scaled to 0..1 and differentiated along rows, vertical ones along columns, with MONAI's
    Sobel kernel and reflection. A map that is constant, or whose response is, marks no border.

    Args:
        hover: 2HW, horizontal then vertical distances.
        kernel_size: edge of the Sobel kernel in pixels, odd.
        tile: edge in pixels of the tiles in which the responses are made.
        keep: whether to keep the responses, which otherwise are made again for every window.

    Raises:
        ValueError: when ``hover`` is not finite.
    """

    def __init__(self, hover: NDArray, kernel_size: int, tile: int, keep: bool) -> None:
        self.hover = hover
        self.halo = kernel_size // 2
        self.kernels = sobel_kernels(kernel_size)
        self.ranges: dict[int, tuple[np.float32, np.float32]] = {}
        self.response_ranges: dict[int, tuple[np.float32, np.float32]] = {}
        self.kept: dict[int, NDArray[np.float32]] = {}
        for channel in (0, 1):
            self.ranges[channel] = low, high = np.float32(hover[channel].min()), np.float32(hover[channel].max())
            if not np.isfinite([low, high]).all():
                raise ValueError("hover_maps must be finite, got NaN or infinity.")
            if low < high:
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
            borders.append(np.subtract(1, border, out=border))
        return np.maximum(*borders, out=borders[0]) if len(borders) == 2 else borders[0]

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
