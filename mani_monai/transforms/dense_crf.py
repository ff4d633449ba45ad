"""Fully connected conditional random field: moves a mask's outlines to where the colours change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_data_type, convert_to_dst_type
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from scipy.special import expit, logit

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


_SURE = 1e-5  # probabilities are kept this far from 0 and 1, so that every pixel can change its class


def dense_crf(
    probability: np.ndarray,
    image: np.ndarray,
    bilateral_weight: float = 10.0,
    bilateral_std: float = 20.0,
    colour_std: float = 13 / 255,
    gaussian_weight: float = 3.0,
    gaussian_std: float = 3.0,
    iterations: int = 5,
) -> np.ndarray:
    """Mean field of a fully connected CRF of two classes with Potts potentials (Kraehenbuehl & Koltun 2011).

    Every pixel is drawn to the class of the pixels that are near and of its colour (bilateral kernel) and of those
    very near (Gaussian kernel). As in the authors' code, kernels are normalised symmetrically and a pixel's message
    to itself stays in. With two classes the field is a single number a pixel, the log-odds
    ``logit(p) + sum_k weight_k D_k^-1/2 K_k D_k^-1/2 (2q - 1)`` with kernel matrices K and D their row sums.

    Args:
        probability: HW probability of nuclei.
        image: 3HW RGB in 0..1.
        bilateral_weight: weight of the bilateral kernel.
        bilateral_std: its standard deviation in space, in pixels.
        colour_std: its standard deviation in each of red, green and blue, in the image's units.
        gaussian_weight: weight of the Gaussian kernel.
        gaussian_std: its standard deviation, in pixels.
        iterations: updates of the mean field, each of all pixels at once.

    Returns:
        HW float32 probability of nuclei.
    """
    unary = logit(probability.astype(np.float32).clip(_SURE, 1 - _SURE))
    kernels = [
        (bilateral_weight, _normalised(BilateralGrid(image, bilateral_std, colour_std), unary.shape)),
        (gaussian_weight, _normalised(partial(gaussian_filter, sigma=gaussian_std, mode="constant"), unary.shape)),
    ]
    field = expit(unary)
    for _ in range(iterations):
        field = expit(unary + sum(weight * kernel(2 * field - 1) for weight, kernel in kernels))
    return field


def _normalised(
    kernel: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...]
) -> Callable[[np.ndarray], np.ndarray]:
    """A kernel with ``D^-1/2`` on both its sides; a constant factor of it falls out."""
    scale = 1 / np.sqrt(kernel(np.ones(shape, np.float32)))
    return lambda values: scale * kernel(scale * values)


class DenseCRFd(MapTransform):
    """Refines the probability of a mask by ``dense_crf`` on its image, as an evaluation's first post-processing.

    Weights and deviations are those of the public code beside Li et al. 2021 (SelfEnsembling); that code feeds the
    hard mask and an image spoilt by rounding, here it is the soft probability and the image itself. What the paper
    used is unknown. MONAI's ``CRF`` block needs its compiled extension; this does not.

    Args:
        keys: keys of 2HW probabilities: background, nuclei.
        image_key: key of the image, 3HW RGB in 0..1.
        bilateral_weight: weight of the bilateral kernel.
        bilateral_std: its standard deviation in space, in pixels.
        colour_std: its standard deviation in each colour, of 1.
        gaussian_weight: weight of the Gaussian kernel.
        gaussian_std: its standard deviation, in pixels.
        iterations: updates of the mean field.
        allow_missing_keys: leave an item without the key as it is.

    Raises:
        ValueError: when a weight is negative, a deviation is not positive or ``iterations`` < 1.
    """

    def __init__(
        self,
        keys: KeysCollection,
        image_key: str = "image",
        bilateral_weight: float = 10.0,
        bilateral_std: float = 20.0,
        colour_std: float = 13 / 255,
        gaussian_weight: float = 3.0,
        gaussian_std: float = 3.0,
        iterations: int = 5,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        weights = {"bilateral_weight": bilateral_weight, "gaussian_weight": gaussian_weight}
        deviations = {"bilateral_std": bilateral_std, "colour_std": colour_std, "gaussian_std": gaussian_std}
        for name, value in weights.items():
            if value < 0:
                raise ValueError(f"{name} must be >= 0, got {value}.")
        for name, value in deviations.items():
            if value <= 0:
                raise ValueError(f"{name} must be > 0, got {value}.")
        if iterations < 1:
            raise ValueError(f"iterations must be >= 1, got {iterations}.")
        self.image_key = image_key
        self.refine = partial(dense_crf, **weights, **deviations, iterations=iterations)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item with probabilities and their image, of one size.

        Returns:
            the item with the refined probabilities, 2HW, of the type and on the device that they had.

        Raises:
            ValueError: when a probability is not 2HW in 0..1, as logits would be.
        """
        item = dict(data)
        for key in self.key_iterator(item):
            probability = convert_data_type(item[key], np.ndarray)[0]
            image = convert_data_type(item[self.image_key], np.ndarray)[0]
            if probability.shape != (2, *image.shape[1:]):
                raise ValueError(f"{key} must be {(2, *image.shape[1:])}, got {probability.shape}.")
            if probability.min() < 0 or probability.max() > 1:
                raise ValueError(f"{key} must be probabilities, got {probability.min()} to {probability.max()}.")
            nuclei = self.refine(probability[1], image)
            item[key] = convert_to_dst_type(np.stack([1 - nuclei, nuclei]), item[key])[0]
        return item
