"""A model measured on unlabelled target images, as it is deployed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from mani_monai.apps.adapt.evidence import Evidence, ImageNuclei, NucleiFigures, agreement, nuclei_figures
from mani_monai.apps.adapt.shown_fields import entropy_blocks
from mani_monai.data.pixel_size import PixelSize, read_pixel_size, scale_for
from mani_monai.data.readers.rasters import read_image
from mani_monai.evaluation import LabelFreeScorer, evenly_taken
from mani_monai.model import Model
from mani_monai.transforms.rescaling import rescaled
from mani_monai.transforms.tissue import shown_as_glass

Item = TypeVar("Item")
SCORED = 8
"""Target images that the label-free scores are means over, as in the tables."""
MEASURED = 32
"""Images whose nuclei are counted."""


@dataclass(frozen=True)
class Measured:
    """A model on the target.

    Attributes:
        finite: whether all its weights, and all its answers, are numbers.
        scores: label-free, by criterion.
        images: nuclei of each measured image, as ``mani infer`` finds them.
        nuclei: what these come to.
        entropies: of each measured image, as ``entropy_blocks`` gives them.
        unsized: how many of these have no pixel size, and were taken as the network's; 0 where that has none.
    """

    finite: bool
    scores: Mapping[str, float]
    images: tuple[ImageNuclei, ...]
    nuclei: NucleiFigures
    entropies: tuple[NDArray[np.float32], ...] = ()
    unsized: int = 0


def measured_images(paths: Sequence[Path]) -> list[Path]:
    """Those whose nuclei are counted, evenly taken."""
    return evenly_taken(paths, MEASURED)


def scored_images(paths: Sequence[Item]) -> list[Item]:
    """Those that are scored, evenly taken."""
    return evenly_taken(paths, SCORED)


def measure_model(
    model: Model,
    paths: Sequence[Path],
    size: PixelSize | None = None,
    title: str = "",
    scored: Sequence[Path] | None = None,
) -> Measured:
    """Measures a model on target images.

    Args:
        model: what is, or would be, deployed.
        paths: all of the target's images.
        size: of all images' pixels; what each file says by default.
        title: of a progress bar; none without one.
        scored: of which the label-free scores are means; some of ``paths`` by default, no scores where it is empty.
    """
    finite = all(bool(torch.isfinite(value).all()) for value in model.network.state_dict().values())
    images, entropies, unsized = [], [], 0
    for path in tqdm(measured_images(paths), title, unit="image", disable=not title):
        picture = read_image(path).pixels
        scale = _scale(path, size, model)
        unsized += model.mpp is not None and size is None and read_pixel_size(path) is None
        maps, fitted = model.answer(picture, scale)
        answered = bool(np.isfinite(maps).all())
        nothing = np.zeros(picture.shape[:2], np.int32)
        found = fitted.nuclei(maps, picture.shape[:2], scale=scale).instances if answered else nothing
        images.append(ImageNuclei.of(found))
        entropies.append(entropy_blocks(maps))
        finite &= answered
    fields = scored_images(paths) if scored is None else scored
    pictures = [rescaled(read_image(path).pixels, _scale(path, size, model)) for path in fields]
    scores = {}
    if pictures:
        with tqdm(total=len(pictures), desc=f"{title}, other stains", unit="image", disable=not title) as shown:
            scores = label_free_scores(model, pictures, shown.update)
    return Measured(finite, scores, tuple(images), nuclei_figures(images), tuple(entropies), unsized)


def _scale(path: Path, size: PixelSize | None, model: Model) -> float:
    return scale_for(size or read_pixel_size(path), model.mpp)


def compared(before: Measured, after: Measured, source: NucleiFigures | None = None) -> Evidence:
    """What is known of two models, measured on the same images.

    Args:
        before: the source model.
        after: the adapted one.
        source: nuclei of the source's labels, where there are any.
    """
    scores, nuclei = (before.scores, after.scores), (before.nuclei, after.nuclei)
    alike = agreement(before.images, after.images)
    return Evidence(after.finite, *scores, *nuclei, source, alike, unsized=after.unsized)


def label_free_scores(
    model: Model, pictures: Sequence[np.ndarray], scored: Callable[[], object] = lambda: None
) -> dict[str, float]:
    """What :class:`LabelFreeScorer` says of a model on HW3 pictures at its pixel size.

    Args:
        model: the model.
        pictures: HW3.
        scored: called after each picture.
    """
    images = [
        {"image": model.input.image(picture), "decoded": model.input.pixels(shown_as_glass(picture))}
        for picture in pictures
    ]
    device = cast("torch.device", model.device)  # chosen, once the model is made
    steps = {"preprocessing": model.input.steps, "scored": scored}
    return LabelFreeScorer(model.network, model.inferer, images, device, **steps)()
