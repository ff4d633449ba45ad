"""Which pixels of a batch speak for their class: labelled or surely predicted ones, away from contours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

CLASSES = 2
"""Background and nuclei."""


@dataclass(frozen=True)
class ClassPixels:
    """Pixels drawn from a batch.

    Attributes:
        features: NK, their features.
        label: N, 0 background or 1 nuclei.
    """

    features: Tensor
    label: Tensor

    def mean(self, number: int) -> Tensor | None:
        """K, the mean feature of a class; None where no pixel is of it."""
        chosen = self.features[self.label == number]
        return chosen.mean(dim=0) if len(chosen) else None


def away_from_contours(nuclei: Tensor, border: int) -> Tensor:
    """B1HW booleans: pixels whose neighbourhood of ``border`` pixels holds one class alone.

    Args:
        nuclei: B1HW mask of 0 and 1.
        border: pixels on either side of a contour that do not count.
    """
    if border < 1:
        return torch.ones_like(nuclei, dtype=torch.bool)
    size = 2 * border + 1
    largest = max_pool2d(nuclei, size, stride=1, padding=border)
    least = -max_pool2d(-nuclei, size, stride=1, padding=border)
    return largest == least


def draw_pixels(features: Tensor, nuclei: Tensor, usable: Tensor, margin: Tensor, count: int) -> ClassPixels:
    """Draws ``count`` pixels of each class from each image: half the hardest, half at random.

    Draws from torch's global generator. A class with fewer usable pixels gives all of them.

    Args:
        features: BKHW.
        nuclei: B1HW mask of 0 and 1: each pixel's class.
        usable: B1HW booleans: the pixels to draw from.
        margin: B1HW, how easy a pixel is; the least are the hardest.
        count: pixels a class and image.
    """
    vectors, labels = [], []
    flat = features.flatten(2)
    for image, classes, allowed, ease in zip(
        flat, nuclei.flatten(1), usable.flatten(1), margin.flatten(1), strict=True
    ):
        for number in range(CLASSES):
            places = torch.nonzero(allowed & (classes == number)).squeeze(1)
            if len(places) > count:
                order = ease[places].argsort(stable=True)
                hardest, rest = order[: count // 2], order[count // 2 :]
                drawn = rest[torch.randperm(len(rest), device=rest.device)[: count - count // 2]]
                places = places[torch.cat([hardest, drawn])]
            vectors.append(image[:, places].T)
            labels.append(torch.full((len(places),), number, device=features.device))
    return ClassPixels(torch.cat(vectors), torch.cat(labels))
