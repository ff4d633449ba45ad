"""Training on the target's pseudo-labels, which a frozen copy of the network gives (Yang-style)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from monai.inferers import Inferer, SimpleInferer
from skimage.segmentation import clear_border
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mani_monai.losses.adaptation_loss import AdaptationLoss, DomainBatch, nuclei_logits

from ..transforms.hover_instances import hover_instances
from ..transforms.hover_targets import hover_maps

IGNORED = -1


@dataclass(frozen=True)
class PseudoLabels:
    """What a teacher says of a batch.

    Args:
        nuclei: BHW int64: 1 nuclei, 0 background, -1 uncertain.
        offsets: B2HW, horizontal and vertical, where there is a branch of distances.
        hover: BHW booleans, where the offsets are to be learned.
    """

    nuclei: Tensor
    offsets: Tensor | None = None
    hover: Tensor | None = None


def confident_labels(probability: Tensor, threshold: float) -> Tensor:
    """Pseudo-labels where a prediction is certain.

    Args:
        probability: BHW, of nuclei.
        threshold: T; nuclei are above it and background is below 1 - T.

    Returns:
        BHW int64: 1 nuclei, 0 background, -1 uncertain.
    """
    labels = torch.full_like(probability, IGNORED, dtype=torch.int64)
    labels[probability < 1 - threshold] = 0
    labels[probability > threshold] = 1
    return labels


def instance_offsets(probability: Tensor, hover: Tensor) -> tuple[Tensor, Tensor]:
    """HoVer-Net's training targets from its own output: post-processed to instances, each to its offsets.

    An instance that touches the edge of the map is left out, for its centre may lie outside.

    Args:
        probability: BHW, of nuclei.
        hover: B2HW, horizontal and vertical distances.

    Returns:
        B2HW offsets in [-1, 1], 0 outside instances, and BHW booleans, whether a pixel belongs to an instance; on the
        device of ``probability``.
    """
    maps = zip(probability.cpu().numpy(), hover.cpu().numpy(), strict=True)
    instances = [clear_border(hover_instances(*pair)) for pair in maps]
    offsets = torch.from_numpy(np.stack([hover_maps(image) for image in instances]))
    return offsets.to(probability.device), torch.from_numpy(np.stack(instances) > 0).to(probability.device)


class CyclicPseudoLabelLoss(AdaptationLoss):
    """Pseudo-labels of a teacher that stands still for a cycle (Yang-style; Yang et al., AAAI 2021).

    The teacher labels the target images: nuclei where its probability is above ``threshold``, background where it is
    below 1 - ``threshold``, nothing between. The network learns the labels by cross-entropy, and, where it has a
    branch of distances, by their mean squared error: the offsets of the instances that post-processing finds in the
    teacher's output, over background and nuclei that are certain. These are crisp where the teacher's own distances
    are blurred, and cost some milliseconds an image. A ``TeacherRefreshHandler`` copies the network into the teacher
    when a cycle begins; between two, it never moves, nor do its batch statistics, for it runs in evaluation mode.

    Known (the paper is described, its code is not to be found): pseudo-labels in cycles, along with a discriminator of
    domains (``DomainAdversarialLoss``, in the same overlay), on HoVer-Net. Chosen: the threshold, the number of
    cycles, the weights, no Dice and no gradient term on the target. Different: source and target are not alternated
    but in one step each, with one backward pass, as all methods here.

    Args:
        teacher: a copy of the network, registered as a submodule so that checkpoints hold it.
        branch: key of the nuclei logits where the network's output is a dictionary.
        hover_branch: key of the horizontal and vertical distances; None for a network without.
        weight: factor of the term in the total loss.
        threshold: T, the probability from which on the teacher is believed.
        hover_weight: of the squared error, as on the source (HoVer-Net: 2).
        inferer: what runs the teacher; a plain forward pass by default.

    Raises:
        ValueError: when ``threshold`` is not in [0.5, 1), ``hover_weight`` is negative or ``hover_branch`` is given
            without ``branch``.
    """

    def __init__(
        self,
        teacher: nn.Module,
        branch: str | None = None,
        hover_branch: str | None = None,
        weight: float = 1.0,
        threshold: float = 0.9,
        hover_weight: float = 2.0,
        inferer: Inferer | None = None,
    ) -> None:
        super().__init__(weight)
        if not 0.5 <= threshold < 1:
            raise ValueError(f"threshold must be >= 0.5 and < 1, got {threshold}.")
        if hover_weight < 0:
            raise ValueError(f"hover_weight must be >= 0, got {hover_weight}.")
        if hover_branch is not None and branch is None:
            raise ValueError(f"branch must be given where hover_branch is {hover_branch!r}, got None.")
        self.teacher = teacher.requires_grad_(False).eval()
        self.branch = branch
        self.hover_branch = hover_branch
        self.threshold = threshold
        self.hover_weight = hover_weight
        self.inferer = SimpleInferer() if inferer is None else inferer

    def train(self, mode: bool = True) -> CyclicPseudoLabelLoss:
        """Sets the mode of all but the teacher, which stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    @torch.no_grad()
    def label(self, image: Tensor) -> PseudoLabels:
        """Runs the teacher on B3HW target images."""
        prediction = cast("Any", self.inferer(image, self.teacher))  # a tensor, or several by name
        probability = nuclei_logits(prediction, self.branch).softmax(dim=1)[:, 1]
        nuclei = confident_labels(probability, self.threshold)
        if self.hover_branch is None:
            return PseudoLabels(nuclei)
        offsets, inside = instance_offsets(probability, prediction[self.hover_branch])
        return PseudoLabels(nuclei, offsets, (nuclei == 0) | ((nuclei == 1) & inside))

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: not used; the stock loss trains on it.
            target: the unlabelled batch.
            network: not used; the teacher labels.

        Returns:
            cross-entropy and weighted squared error, each a mean over its certain pixels, 0 where there are none.
        """
        labels = self.label(target.clean)
        certain = (labels.nuclei != IGNORED).sum().clamp(min=1)
        loss = cross_entropy(target.logits, labels.nuclei, ignore_index=IGNORED, reduction="sum") / certain
        if self.hover_branch is None or labels.offsets is None or labels.hover is None:
            return loss
        errors = (target.prediction[self.hover_branch] - labels.offsets).square().mean(dim=1)
        return loss + self.hover_weight * (errors * labels.hover).sum() / labels.hover.sum().clamp(min=1)
