"""HoVer-Net's nuclei from windows of a slide: one scale of borders, small holes, and clumps that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mani_monai.apps.slides.slide import Slide
from mani_monai.apps.slides.slide_stains import standing_windows
from mani_monai.large_picture import BORDER_WINDOWS, with_borders
from mani_monai.model import Model
from mani_monai.nuclei import nuclei_probability
from mani_monai.transforms.holes import filled
from mani_monai.transforms.hover_instances import LARGEST_HOLE
from mani_monai.transforms.nucleus import connected_pieces
from mani_monai.transforms.rescaling import is_taken_whole
from mani_monai.transforms.stain_normalisation import TissueColours

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon

_SAFE = 1e-3  # of probability: pixels that rounding may take for nuclei


def with_slide_borders(
    model: Model, slide: Slide, ratio: float, region: Polygon | MultiPolygon | None, colours: TissueColours | None
) -> Model:
    """A model whose borders are scaled by what stands for the slide, hence the same in every tile.

    HoVer-Net scales them over the image at hand. So does this where the network takes the slide at once; of a larger
    one it asks 32 windows, as of any large picture.

    Args:
        model: the bundle.
        slide: the slide.
        ratio: pixels of the slide along one of the network's grid.
        region: as of :func:`standing_windows`.
        colours: of the tissue, for stain normalisation.

    Returns:
        the model itself where its nuclei come of no distances.
    """
    pictures = standing_windows(slide, ratio, region, BORDER_WINDOWS)
    return model.declared(with_borders(model, pictures, colours, is_taken_whole(slide.grid(ratio))))


def clump_boxes(model: Model, instances: NDArray[np.int32], maps: NDArray[np.float32]) -> NDArray[np.int64]:
    """The boxes of what decides on each nucleus: all nuclei that it touches, directly or by others.

    Args:
        model: its parting.
        instances: HW ids 1..N of a window, 0 background.
        maps: the network's answer to it.

    Returns:
        N4: first and stop row, first and stop column.
    """
    threshold = float(model.declaration.parting.get("threshold", 0.5))
    hole = int(model.declaration.parting.get("largest_hole") or LARGEST_HOLE)
    near = (nuclei_probability(maps) >= threshold - _SAFE) | (instances > 0)
    clumps, _ = connected_pieces(filled(near, hole))
    numbers, first = np.unique(instances, return_index=True)
    return boxes_of(clumps)[clumps.ravel()[first[numbers > 0]] - 1]


def boxes_of(instances: NDArray[np.int32]) -> NDArray[np.int64]:
    """N4 boxes of ids 1..N, all of which occur: first and stop row, first and stop column."""
    boxes = ndimage.find_objects(instances)
    return np.array([[side.start, side.stop] for box in boxes for side in box], np.int64).reshape(-1, 4)
