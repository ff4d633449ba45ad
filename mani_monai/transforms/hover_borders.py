"""Where HoVer-Net's distance maps fall steeply: the borders between nuclei."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Window = tuple[slice, slice]
WHOLE: Window = (slice(None), slice(None))


class BorderMap:
    """The larger of the two inverted Sobel responses, each scaled to 0..1 over the whole map, window by window.

    Horizontal distances are scaled to 0..1 and differentiated along rows, vertical ones along columns, with MONAI's
    Sobel kernel and reflection. A map that is constant, or whose response is, marks no border.

    Args:
        hover: 2HW, horizontal then vertical distances.
        kernel_size: edge of the Sobel kernel in pixels, odd.
        tile: edge of the tiles in which the responses' ranges are found; None takes the map at once and keeps the
            responses for the first call.
    """

    def __init__(self, hover: NDArray, kernel_size: int, tile: int | None = None) -> None:
        self.hover = hover
        self.kernel_size = kernel_size
        self.ranges: dict[int, tuple[np.float32, np.float32]] = {}
        self.response_ranges: dict[int, tuple[np.float32, np.float32]] = {}
        self.kept: dict[int, NDArray[np.float32]] = {}
        for channel in (0, 1):
            self.ranges[channel] = np.float32(hover[channel].min()), np.float32(hover[channel].max())
            if not _is_constant(self.ranges[channel]):
                self._measure(channel, tile)

    @property
    def is_empty(self) -> bool:
        """Whether there is no border anywhere."""
        return not self.response_ranges

    def __call__(self, window: Window = WHOLE) -> NDArray[np.float32]:
        """The border map of a window, hw in 0..1; wrong within ``kernel_size // 2`` pixels of where it cuts the map."""
        borders = []
        for channel, (low, high) in self.response_ranges.items():
            response = self.kept.pop(channel, None) if window == WHOLE else None
            response = self._response(channel, window) if response is None else response
            response -= low
            response /= high - low
            borders.append(np.subtract(1, response, out=response))
        return np.maximum(*borders, out=borders[0]) if len(borders) == 2 else borders[0]

    def _measure(self, channel: int, tile: int | None) -> None:
        lows, highs = [], []
        for window, core in _tiles(self.hover.shape[1:], tile, self.kernel_size // 2):
            response = self._response(channel, window)
            lows.append(response[core].min())
            highs.append(response[core].max())
        if not _is_constant((min(lows), max(highs))):
            self.response_ranges[channel] = min(lows), max(highs)
            if tile is None:
                self.kept[channel] = response

    def _response(self, channel: int, window: Window) -> NDArray[np.float32]:
        low, high = self.ranges[channel]
        response = self.hover[(channel, *window)].astype(np.float32)
        response -= low
        response /= high - low
        smooth, difference = sobel_kernels(self.kernel_size)
        for axis in (0, 1):
            kernel = difference if axis == 1 - channel else smooth
            response = ndimage.correlate1d(response, kernel, axis, mode="mirror")
        return response


def _is_constant(limits: tuple[np.float32, np.float32]) -> bool:
    return bool(limits[0] == limits[1])


def sobel_kernels(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The smoothing and the differentiating half of MONAI's ``SobelGradients`` kernel, the outer product of the two."""
    smooth, difference = np.array([1, 2, 1]) / 4, np.array([-1, 0, 1]) / 2
    for _ in range((size - 3) // 2):
        smooth, difference = (np.convolve(kernel, [0.25, 0.5, 0.25]) for kernel in (smooth, difference))
    return smooth, difference


def _tiles(shape: tuple[int, int], tile: int | None, halo: int) -> Iterator[tuple[Window, Window]]:
    """Windows that overlap by ``halo`` pixels on every side, each with where in it the tile itself lies."""
    edge = tile or max(shape)
    for place in np.ndindex(*(-(-size // edge) for size in shape)):
        begins = [index * edge for index in place]
        starts = [max(begin - halo, 0) for begin in begins]
        inner = [begin - start for begin, start in zip(begins, starts, strict=True)]
        yield (
            tuple(slice(start, begin + edge + halo) for start, begin in zip(starts, begins, strict=True)),
            tuple(slice(begin, begin + edge) for begin in inner),
        )
