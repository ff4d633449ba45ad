"""Sums over an image's pixels that are near and of one colour, in linear time."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

_CELL = 0.75  # edge of a grid cell, in standard deviations
_OUTLIERS = 0.1  # percent of colours at either end of an axis that count as the last one within


class BilateralGrid:
    """Weighted sums over all pixels: a Gaussian of distance times one of difference in colour.

    Pixels are splatted linearly into a grid of space and colour, which is blurred along its five axes and read out
    linearly (Paris & Durand 2006). The sums are right up to a constant factor. Colours are first turned to the
    image's principal axes, where stained tissue needs few cells; no distance changes.

    Memory grows with the range of colours: below a gigabyte for H&E images of 1000x1000 pixels at the defaults of
    ``dense_crf``.

    Args:
        image: 3HW RGB.
        space_std: the Gaussian's standard deviation, in pixels.
        colour_std: its standard deviation in each of red, green and blue, in the image's units.
    """

    def __init__(self, image: np.ndarray, space_std: float, colour_std: float) -> None:
        self.image_shape = image.shape[1:]
        places = np.indices(self.image_shape, dtype=np.float32).reshape(2, -1) / (space_std * _CELL)
        colours = _principal_axes(image.reshape(3, -1).astype(np.float32)) / (colour_std * _CELL)
        colours -= colours.min(axis=1, keepdims=True)
        space, colour = ([int(axis.max()) + 2 for axis in axes] for axes in (places, colours))
        self.blurs = [_gaussian_matrix(side) for side in space + colour]
        space_cells, space_weights = _corners(places, space)
        colour_cells, colour_weights = _corners(colours, colour)
        cells = space_cells[:, :, None] * np.int32(np.prod(colour)) + colour_cells[:, None]
        weights = space_weights[:, :, None] * colour_weights[:, None]
        rows = np.arange(0, cells.size + 1, cells[0].size, dtype=np.int32)
        self.splats = csr_array((weights.ravel(), cells.ravel(), rows), (len(cells), int(np.prod(space + colour))))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """
        Args:
            values: HW float32.

        Returns:
            HW float32 sums.
        """
        grid = self.splats.T @ values.ravel()
        for blur in self.blurs:  # each turns the first axis into the last
            grid = grid.reshape(len(blur), -1).T @ blur
        return (self.splats @ grid.ravel()).reshape(self.image_shape)


def _principal_axes(colours: np.ndarray) -> np.ndarray:
    """3N colours along their principal axes, outliers clipped, since few colours would span most of the grid."""
    centred = colours - colours.mean(axis=1, keepdims=True)
    axes = np.linalg.eigh(centred @ centred.T)[1].T @ centred
    low, high = np.percentile(axes, [_OUTLIERS, 100 - _OUTLIERS], axis=1, keepdims=True).astype(np.float32)
    return axes.clip(low, high)


def _corners(points: np.ndarray, sides: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Flat index and linear weight of each of the 2^d cells around N points of d coordinates; both N x 2^d."""
    cells, weights = np.zeros((points.shape[1], 1), np.int32), np.ones((points.shape[1], 1), np.float32)
    for axis, side in zip(points, sides, strict=True):
        lower = np.floor(axis)
        part = axis - lower
        steps = np.stack([lower, lower + 1], axis=1).astype(np.int32)
        cells = (cells[:, :, None] * np.int32(side) + steps[:, None]).reshape(len(axis), -1)
        weights = (weights[:, :, None] * np.stack([1 - part, part], axis=1)[:, None]).reshape(len(axis), -1)
    return cells, weights


def _gaussian_matrix(side: int) -> np.ndarray:
    """Gaussian weights between an axis's cells, with the variance that splatting and reading out leave over."""
    variance = 1 - _CELL**2 / 3  # each of the two blurs by a tent, on average of variance cell^2 / 6
    distances = np.subtract.outer(np.arange(side), np.arange(side)) * _CELL
    return np.exp(-(distances**2) / (2 * variance)).astype(np.float32)
