"""The network's answer for a picture of any size, measured as a slide is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mani_monai.apps.slides.slide import Slide
from mani_monai.apps.slides.slide_borders import with_slide_borders
from mani_monai.apps.slides.slide_levels import PictureLevels
from mani_monai.apps.slides.slide_stains import is_taken_whole, tissue_colours
from mani_monai.data.pixel_size import PixelSize
from mani_monai.model import Model
from mani_monai.transforms.nucleus import USUAL_MPP
from mani_monai.transforms.rescaling import ratio_of, rescaled


def picture_answer(
    model: Model, picture: NDArray[np.uint8], scale: float, path: Path
) -> tuple[NDArray[np.float32], Model]:
    """Asks the network. Windows stand for a large picture's stains and borders, as for a slide's.

    Args:
        model: the model.
        picture: HW3 RGB.
        scale: from the picture's grid to the network's.
        path: the picture's file, for messages.

    Returns:
        the answer as :meth:`Model.maps` gives it, and the model that finds its nuclei.

    Raises:
        InputError: as of :meth:`Model.maps`, and when the model normalises stains twice and the picture is large.
    """
    slide = Slide(path, PictureLevels(picture), PixelSize(USUAL_MPP, ""))
    ratio = float(ratio_of(scale))
    if is_taken_whole(slide, ratio):
        return model.maps(rescaled(picture, scale)), model
    colours = tissue_colours(model, slide, ratio, None)
    fitted = with_slide_borders(model, slide, ratio, None, colours)
    return fitted.maps(rescaled(picture, scale), colours), fitted
