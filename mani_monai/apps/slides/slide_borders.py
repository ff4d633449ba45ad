"""HoVer-Net's nuclei from windows of a slide: one scale of borders, small holes, and clumps that belong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from shapely import MultiPolygon, Polygon

from mani_monai.apps.slides.network_reach import KERNEL, LARGEST_HOLE
from mani_monai.apps.slides.slide import Slide
from mani_monai.apps.slides.slide_stains import chosen_windows
from mani_monai.known_components import HOVER_PARTING
from mani_monai.model import Model
from mani_monai.nuclei import Nuclei
from mani_monai.transforms.hover_borders import border_scale
from mani_monai.transforms.hover_instances import filled
from mani_monai.transforms.nucleus import connected_pieces
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.utils import InputError

_WINDOWS = 32
_SAFE = 1e-3  # of probability: pixels that rounding may take for nuclei


def parts_by_borders(model: Model) -> bool:
    """Whether a model's nuclei come of HoVer-Net's distances."""
    return model.declaration.parting["_target_"] == HOVER_PARTING


def with_slide_borders(
    model: Model, slide: Slide, ratio: float, region: Polygon | MultiPolygon, colours: TissueColours | None
) -> Model:
    """A model whose borders are scaled by 32 windows of the slide, hence the same in every tile.

    HoVer-Net scales them over the image at hand, and fills holes of any size; then a nucleus would depend on all that
    its tile shows. Here, holes of up to 64 pixels are filled.

    Args:
        model: the bundle.
        slide: the slide.
        ratio: pixels of the slide along one of the network's grid.
        region: where windows have their centres, in pixels of the slide.
        colours: of the tissue, for stain normalisation.

    Returns:
        the model itself where its nuclei come of no distances.
    """
    if not parts_by_borders(model):
        return model

    def distances() -> Iterator[NDArray[np.float32]]:
        for window in chosen_windows(slide.grid(ratio), ratio, region, count=_WINDOWS):
            try:
                pixels = slide.read(window, ratio)
            except InputError:
                continue  # its tile names it
            yield model.maps(pixels, colours)[2:4]

    parting = dict(model.declaration.parting)
    parting["border_scale"] = border_scale(distances(), int(parting.get("kernel_size", KERNEL)))
    parting["largest_hole"] = LARGEST_HOLE
    return replace(model, declaration=model.declaration.trained(parting=parting))


def clump_boxes(model: Model, nuclei: Nuclei) -> dict[str, NDArray[np.int64]]:
    """The boxes of what decides on each nucleus: all nuclei that it touches, directly or by others.

    Args:
        model: its parting.
        nuclei: of a window.

    Returns:
        ``row_start``, ``row_stop``, ``column_start`` and ``column_stop``, a row a nucleus, as the table has them.
    """
    threshold = float(model.declaration.parting.get("threshold", 0.5))
    near = (nuclei.probability >= threshold - _SAFE) | (nuclei.instances > 0)
    clumps, _ = connected_pieces(filled(near, LARGEST_HOLE))
    numbers, first = np.unique(nuclei.instances, return_index=True)
    clump_of = clumps.ravel()[first[numbers > 0]] - 1
    sides = np.array([[side.start, side.stop] for box in ndimage.find_objects(clumps) for side in box]).reshape(-1, 4)
    columns = sides[clump_of].T
    return dict(zip(("row_start", "row_stop", "column_start", "column_stop"), columns, strict=True))
