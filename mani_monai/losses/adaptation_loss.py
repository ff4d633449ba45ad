"""What an adaptation method is given and what it gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class DomainBatch:
    """What one domain brings to an iteration.

    Args:
        image: B3HW, the images as the network saw them.
        logits: B2HW, background and nuclei, of the branch that segments nuclei.
        features: BKHW, what entered the segmentation head.
        prediction: the network's whole output.
        taps: outputs of further named layers, where a loss asks for them.
        label: B1HW (0 background) or one-hot B2HW. None in the target domain, always.
        unperturbed: B3HW, the images before a perturbation that the network alone saw; None where there was none.
    """

    image: Tensor
    logits: Tensor
    features: Tensor
    prediction: Any
    taps: Mapping[str, Tensor] = field(default_factory=dict)
    label: Tensor | None = None
    unperturbed: Tensor | None = None

    @property
    def clean(self) -> Tensor:
        """B3HW, the images before any perturbation: what a teacher is shown."""
        return self.image if self.unperturbed is None else self.unperturbed

    @cached_property
    def nuclei(self) -> Tensor:
        """B1HW float mask, 1 on nuclei: the label, else the detached pseudo-label (the network's own prediction)."""
        if self.label is not None:
            return (self.label[:, -1:] > 0).to(self.features.dtype)
        logits = self.logits.detach()
        return (logits[:, 1:] > logits[:, :1]).to(self.features.dtype)  # the argmax of two, many times faster

    def features_of(self, tap: str | None) -> Tensor:
        """BKhw, the output of the layer named ``tap``; what entered the segmentation head where it is None."""
        return self.features if tap is None else self.taps[tap]

    @cached_property
    def probability(self) -> Tensor:
        """B1HW, the predicted probability of nuclei (softmax), with gradient."""
        return self.logits.softmax(dim=1)[:, 1:2]

    @cached_property
    def has_nuclei(self) -> Tensor:
        """B booleans: whether an image has any pixel of nuclei."""
        return self.nuclei.flatten(1).amax(dim=1) > 0

    @cached_property
    def has_background(self) -> Tensor:
        """B booleans: whether an image has any pixel of background."""
        return self.nuclei.flatten(1).amin(dim=1) < 1


class AdaptationLoss(nn.Module, ABC):
    """A method of adaptation: one scalar to minimise from a source and a target batch.

    It owns every network that it trains (projection, discriminator), so that one optimiser over ``parameters()``
    trains them, and no optimiser, counter or schedule.

    Args:
        weight: factor of the term in the total loss.

    Raises:
        ValueError: when ``weight`` is negative.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        if weight < 0:
            raise ValueError(f"weight must be >= 0, got {weight}.")
        self.weight = weight

    @abstractmethod
    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module) -> Tensor:
        """Returns the unweighted term, a scalar. ``network`` is for losses that run it again; most ignore it."""


def nuclei_logits(prediction: Any, branch: str | None = None) -> Tensor:
    """B2HW, the logits of background and nuclei in what a network gives.

    Args:
        prediction: a tensor whose first two channels they are, or tensors by branch.
        branch: key of the one that segments nuclei; None for a tensor.
    """
    logits = prediction if branch is None else prediction[branch]
    return logits if logits.shape[1] == 2 else logits[:, :2]


def usable_pairs(source: DomainBatch, target: DomainBatch, target_background: bool = False) -> Tensor:
    """B booleans: the pairs by index whose source nuclei, source background and target nuclei all exist.

    Args:
        source: the labelled batch.
        target: the unlabelled batch.
        target_background: whether the target's background must exist too.
    """
    masks = [source.has_nuclei, source.has_background, target.has_nuclei]
    if target_background:
        masks.append(target.has_background)
    return torch.stack(masks).all(dim=0)
