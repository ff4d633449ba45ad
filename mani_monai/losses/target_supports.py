"""Class means of one domain segment the other: what MaNi's bound cannot ask for."""

from __future__ import annotations

from typing import Any, cast

import torch
from monai.inferers import Inferer, SimpleInferer
from monai.networks.utils import eval_mode
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from ..networks.layers import frozen_statistics
from .adaptation_loss import AdaptationLoss, DomainBatch, nuclei_logits
from .class_pixels import CLASSES, ClassPixels, away_from_contours, draw_pixels


class TargetSupportsLoss(AdaptationLoss):
    """Target supports, source queries, and the reverse: prototypes of each domain classify the other's pixels.

    ``CE(softmax(<z_i, mu_t>/tau), y_s) + CE(softmax(<z_j, mu_s>/tau), y_t)``, the mean of both classes in each term.
    z are projected features of unit length, mu the class means of a domain, y_s the labels, y_t the teacher's
    predictions. ln 2 minus a term is the Barber-Agakov bound on I(Z; C), read with the other domain's codebook.

    Known: MaNi's Equation 1 has the density ratio p_s(z|1)/p_s(z|0), from which the target cancels. Here neither
    domain meets the loss alone: a target without nuclei, or with classes exchanged, raises it.
    Chosen: projection to 32 without ReLU, tau .1, half memory and half batch, 256 pixels a class and image.
    Relatives: PANet's alignment (Wang et al. 2019), SePiCo (Xie et al. 2022), ProDA (Zhang et al. 2021).

    The teacher, an exponential moving average of the student, predicts on the target as it is (``DomainBatch.clean``)
    and gets no gradient. The memory holds class means of earlier iterations; it is saved with the loss.

    Args:
        channels: K, channels of the features.
        teacher: a copy of the network; its ``requires_grad`` is switched off.
        weight: factor of the term in the total loss.
        dimensions: of the projected features.
        temperature: tau.
        memory: how much of the memory stays in an iteration.
        blend: share of the memory in a prototype; the gradient passes through the rest.
        confidence: the teacher's probability above which a target pixel counts as nuclei, below 1 minus it as
            background.
        border: pixels on either side of a contour that do not count.
        pixels: drawn a class and image.
        inferer: runs the teacher; a plain forward pass by default.
        branch: key of the nuclei logits where the network's output is a dictionary.

    Raises:
        ValueError: when ``temperature`` is not positive, or ``memory``, ``blend`` or ``confidence`` is out of range.
    """

    means: Tensor
    filled: Tensor

    def __init__(
        self,
        channels: int,
        teacher: nn.Module,
        weight: float = 0.1,
        dimensions: int = 32,
        temperature: float = 0.1,
        memory: float = 0.9,
        blend: float = 0.5,
        confidence: float = 0.85,
        border: int = 2,
        pixels: int = 256,
        inferer: Inferer | None = None,
        branch: str | None = None,
    ) -> None:
        super().__init__(weight)
        if not temperature > 0:
            raise ValueError(f"temperature must be > 0, got {temperature}.")
        if not (0 <= memory < 1 and 0 <= blend < 1):
            raise ValueError(f"memory and blend must be in 0..1, below 1, got {memory} and {blend}.")
        if not 0.5 <= confidence < 1:
            raise ValueError(f"confidence must be in 0.5..1, below 1, got {confidence}.")
        self.teacher = teacher.requires_grad_(False)
        self.projection = nn.Conv2d(channels, dimensions, kernel_size=1, bias=False)
        self.temperature = temperature
        self.memory = memory
        self.blend = blend
        self.confidence = confidence
        self.border = border
        self.pixels = pixels
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.branch = branch
        self.register_buffer("means", torch.zeros(2, CLASSES, dimensions))  # source, target
        self.register_buffer("filled", torch.zeros(2, CLASSES, dtype=torch.bool))

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: the labelled batch of B images.
            target: the unlabelled batch of B images.
            network: not used.

        Returns:
            the sum of both terms, a scalar >= 0; a term without prototypes of both classes is left out.
        """
        queries = self.source_pixels(source), self.target_pixels(target)
        supports = [self._prototypes(pixels, place) for place, pixels in enumerate(queries)]
        total = source.features.sum() * 0 + target.features.sum() * 0
        for pixels, support in zip(queries, reversed(supports), strict=True):
            if support is not None:
                total = total + self.cross_entropy(pixels, support)
        return total

    def source_pixels(self, source: DomainBatch) -> ClassPixels:
        """Labelled pixels, projected to unit length."""
        usable = away_from_contours(source.nuclei, self.border)
        margin = (source.probability.detach() - 0.5).abs()
        return draw_pixels(self._project(source), source.nuclei, usable, margin, self.pixels)

    def target_pixels(self, target: DomainBatch) -> ClassPixels:
        """Pixels of which the teacher is sure, projected to unit length, with its classes."""
        probability = self.teacher_probability(target)
        nuclei = (probability > 0.5).to(probability.dtype)
        sure = (probability - 0.5).abs() > self.confidence - 0.5
        usable = sure & away_from_contours(nuclei, self.border)
        return draw_pixels(self._project(target), nuclei, usable, (probability - 0.5).abs(), self.pixels)

    def teacher_probability(self, target: DomainBatch) -> Tensor:
        """B1HW, the teacher's probability of nuclei on the target's clean images."""
        with torch.no_grad(), eval_mode(self.teacher), frozen_statistics(self.teacher, training=True):
            logits = nuclei_logits(cast("Any", self.inferer(target.clean, self.teacher)), self.branch)
        return logits.float().softmax(dim=1)[:, 1:2]

    def cross_entropy(self, pixels: ClassPixels, prototypes: Tensor) -> Tensor:
        """Cross-entropy of pixels under prototypes, the mean of the classes that occur; a scalar.

        Args:
            pixels: the queries.
            prototypes: 2xD of unit length, background and nuclei.
        """
        losses = cross_entropy(pixels.features @ prototypes.T / self.temperature, pixels.label, reduction="none")
        terms = [losses[pixels.label == number].mean() for number in range(CLASSES) if (pixels.label == number).any()]
        return torch.stack(terms).mean() if terms else pixels.features.sum() * 0

    def _project(self, domain: DomainBatch) -> Tensor:
        return normalize(self.projection(domain.features), dim=1)

    def _prototypes(self, pixels: ClassPixels, place: int) -> Tensor | None:
        """2xD of unit length, from the batch and the memory, which moves on; None where a class was never seen."""
        prototypes = []
        for number in range(CLASSES):
            known, seen = bool(self.filled[place, number]), pixels.mean(number)
            if seen is None and not known:
                return None
            held = normalize(self.means[place, number], dim=0)  # a mean over ranks is shorter
            if seen is None:
                prototypes.append(held)
                continue
            prototypes.append(self.blend * held + (1 - self.blend) * seen if known else seen)
            fresh = normalize(seen.detach(), dim=0)
            moved = normalize(self.memory * held + (1 - self.memory) * fresh, dim=0) if known else fresh
            self.means[place, number] = moved
            self.filled[place, number] = True
        return normalize(torch.stack(prototypes), dim=1)
