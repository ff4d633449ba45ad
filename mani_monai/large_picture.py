"""What stands for a picture that no network takes at once: its tissue's colours and its borders, by windows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from mani_monai.declaration import Declaration
from mani_monai.known_components import HOVER_PARTING, STAINS
from mani_monai.network_input import NetworkInput
from mani_monai.nuclei import NOT_FINITE
from mani_monai.transforms.hover_borders import KERNEL, border_scale, own_scale
from mani_monai.transforms.stain_normalisation import NormaliseStainsd, TissueColours
from mani_monai.transforms.tissue import shown_as_glass, tissue_mask
from mani_monai.utils import InputError

STAIN_WINDOWS, BORDER_WINDOWS, EDGE = 64, 32, 256
SEED = 0
_GLASS = 200  # of the least channel of 255
_LEAST = 0.25  # of a window that is tissue, for it to stand for the picture


class Asked(Protocol):
    """What is asked for its answer to windows, as :class:`mani_monai.model.Model` has it."""

    @property
    def declaration(self) -> Declaration: ...

    @property
    def input(self) -> NetworkInput: ...

    def maps(self, picture: NDArray[np.uint8], whole: TissueColours | None = None) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Window:
    """A rectangle of a grid in pixels, stops excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def within(self, outer: Window) -> tuple[slice, slice]:
        """Its rows and columns in the pixels of a window around it."""
        rows = slice(self.top - outer.top, self.bottom - outer.top)
        return rows, slice(self.left - outer.left, self.right - outer.left)


def measured(model: Asked, picture: NDArray[np.uint8]) -> tuple[TissueColours | None, Declaration]:
    """What stands for a large picture, by windows of it: its tissue's colours, and a declaration with its borders.

    Args:
        model: the model.
        picture: HW3 RGB, at the network's pixel size.

    Returns:
        the colours, None where the model normalises no stains, and what the model declares that finds its nuclei.

    Raises:
        InputError: as of :meth:`Model.maps`, and when the model normalises stains twice.
    """

    def read(window: Window) -> NDArray[np.uint8]:
        return picture[window.top : window.bottom, window.left : window.right]

    chosen = partial(tissue_windows, read, picture.shape[:2])
    colours = tissue_colours(model, chosen(STAIN_WINDOWS))
    return colours, with_borders(model, chosen(BORDER_WINDOWS), colours)


def tissue_colours(model: Asked, pictures: Iterator[NDArray[np.uint8]], whole: bool = False) -> TissueColours | None:
    """Measures tissue as the model's stain normalisation sees it.

    Args:
        model: its preprocessing.
        pictures: HW3 RGB windows at the network's pixel size.
        whole: there is one, and it is all of the picture: it is measured as of any image.

    Returns:
        the colours; None where the model normalises no stains.

    Raises:
        InputError: when it normalises stains twice.
    """
    targets = [step["_target_"] for step in model.declaration.preprocessing]
    if STAINS not in targets:
        return None
    if targets.count(STAINS) > 1:
        raise InputError("preprocessing: stains are normalised twice; large pictures take models that do so once.")
    position = targets.index(STAINS)
    normalise = cast(NormaliseStainsd, model.input.steps[position])

    def before(picture: NDArray[np.uint8]) -> NDArray:
        image = model.input.pixels(shown_as_glass(picture))
        for step in model.input.steps[:position]:
            image = step({"image": image})["image"]
        return normalise.image(image)

    seen = map(before, pictures)
    return TissueColours.of_image(next(seen)) if whole else TissueColours.of(seen)


def parts_by_borders(model: Asked) -> bool:
    """Whether a model's nuclei come of HoVer-Net's distances."""
    return model.declaration.parting["_target_"] == HOVER_PARTING


def with_borders(
    model: Asked, pictures: Iterator[NDArray[np.uint8]], colours: TissueColours | None, whole: bool = False
) -> Declaration:
    """A model's declaration, its borders scaled by what stands for the picture, hence the same in every part of it.

    HoVer-Net scales them over the image at hand.

    Args:
        model: the model.
        pictures: HW3 RGB windows at the network's pixel size.
        colours: of the tissue, for stain normalisation.
        whole: there is one, and it is all of the picture.

    Returns:
        the model's own where its nuclei come of no distances.

    Raises:
        InputError: as of :meth:`Model.maps`, and when an answer is not finite.
    """
    if not parts_by_borders(model):
        return model.declaration
    parting = dict(model.declaration.parting)
    kernel = int(parting.get("kernel_size", KERNEL))
    distances = (model.maps(each, colours)[2:4] for each in pictures)
    try:
        parting["border_scale"] = own_scale(next(distances), kernel) if whole else border_scale(distances, kernel)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(NOT_FINITE) from error
    return model.declaration.trained(parting=parting)


def tissue_windows(
    read: Callable[[Window], NDArray[np.uint8] | None], grid: tuple[int, int], count: int, seed: int = SEED
) -> Iterator[NDArray[np.uint8]]:
    """Windows that stand for a picture: of those with a quarter of tissue, some that a seed chooses.

    Args:
        read: gives a window's pixels, HW3 RGB; None where they cannot be read, which is passed over.
        grid: height and width of the picture.
        count: how many at most.
        seed: of the choice.
    """
    windows, found = windows_over(grid, EDGE), 0
    for number in np.random.default_rng(seed).permutation(np.arange(len(windows))):
        pixels = read(windows[number])
        if pixels is not None and _tissue_share(pixels) >= _LEAST:
            found += 1
            yield pixels
        if found == count:
            return


def windows_over(grid: tuple[int, int], edge: int) -> list[Window]:
    """Windows side by side over a grid, in raster order; the last ones are smaller.

    Args:
        grid: its height and width.
        edge: of a window, all in pixels.
    """
    height, width = grid
    return [
        Window(top, left, min(top + edge, height), min(left + edge, width))
        for top in range(0, height, edge)
        for left in range(0, width, edge)
    ]


def _tissue_share(picture: NDArray[np.uint8]) -> float:
    """Of a picture, how much is neither glass nor ink nor black."""
    return float((tissue_mask(picture) & (picture.min(axis=2) < _GLASS)).mean())
