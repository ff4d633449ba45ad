"""Consistency of a student with its teacher: on perturbed images, and with hard labels on parts of an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from monai.inferers import Inferer, SimpleInferer
from monai.networks.utils import eval_mode
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from mani_monai.losses.adaptation_loss import AdaptationLoss, DomainBatch, nuclei_logits

from ..networks.layers import frozen_statistics
from ..transforms.perturbations import Symmetry

Perturbation = Callable[[Tensor], Tensor]


class ConsistencyLoss(AdaptationLoss):
    """The student's answer to a turned and perturbed image against its teacher's to the clean one.

    Mean squared error on probabilities (mean teacher, Tarvainen & Valpola 2017). The teacher, an exponential moving
    average of the student, is moved by a handler and never by this loss: it is a submodule without gradients, so that
    it is checkpointed with the loss. The student's pass normalises by the statistics of its batch but leaves the
    running ones alone, which are those of images as they are.

    Of SelfEnsemblingUDA (Li et al. 2021) it is known that such a term joins an adversarial and a reconstruction loss;
    perturbations, decay and weight are not known: ``self_ensembling_uda.json`` chooses turns with noise, .99 and 1.

    Args:
        teacher: a copy of the network; its ``requires_grad`` is switched off.
        perturbations: called in turn with the student's B3HW images.
        inferer: runs both networks; a plain forward pass by default.
        rotate: whether the student's images are also turned by a random multiple of 90 degrees (180 where they are
            not square) and reflected, all alike; its answer is turned back before the comparison.
        weight: factor of the term in the total loss.
        branch: key of the nuclei logits where the network's output is a dictionary.
        batch_statistics: whether the teacher normalises by the statistics of its batch, like the student and like
            DAFormer's teacher; False is by its running ones.
        source: compare on the source images too; the term is the mean of both domains.
    """

    def __init__(
        self,
        teacher: nn.Module,
        perturbations: Sequence[Perturbation] = (),
        inferer: Inferer | None = None,
        rotate: bool = True,
        weight: float = 1.0,
        branch: str | None = None,
        batch_statistics: bool = True,
        source: bool = False,
    ) -> None:
        super().__init__(weight)
        self.teacher = teacher.requires_grad_(False)
        self.perturbations = tuple(perturbations)
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.rotate = rotate
        self.branch = branch
        self.batch_statistics = batch_statistics
        self.source = source

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module) -> Tensor:
        """
        Args:
            source: the labelled batch; used with the option ``source`` alone.
            target: the unlabelled batch.
            network: the student, run once more for each domain compared.

        Returns:
            the mean over pixels, a scalar >= 0.
        """
        domains = [target, source] if self.source else [target]
        return torch.stack([self._compare_on(domain.clean, network) for domain in domains]).mean()

    def compare(self, logits: Tensor, probability: Tensor) -> Tensor:
        """Returns the term, a scalar, of the student's B2HW logits and the teacher's B2HW probabilities."""
        return mse_loss(logits.softmax(dim=1), probability)

    def _compare_on(self, images: Tensor, network: nn.Module) -> Tensor:
        with eval_mode(self.teacher), frozen_statistics(self.teacher, training=self.batch_statistics):
            probability = self._logits(images, self.teacher).softmax(dim=1)
        symmetry = Symmetry.random(*images.shape[-2:]) if self.rotate else Symmetry()
        perturbed = symmetry.apply(images)
        for perturb in self.perturbations:
            perturbed = perturb(perturbed)
        with frozen_statistics(network):
            logits = self._logits(perturbed, network)
        return self.compare(symmetry.undo(logits), probability)

    def _logits(self, images: Tensor, network: nn.Module) -> Tensor:
        return nuclei_logits(cast("Any", self.inferer(images, network)), self.branch)


class MaskedConsistencyLoss(ConsistencyLoss):
    """Cross-entropy of the student on a masked image against its teacher's hard label (MIC, Hoyer et al. 2023).

    One weight for all pixels of the batch: the fraction of them on which the teacher is confident (DAFormer). The mask
    is a perturbation (``BlockMask``), after those of colour. MIC adds this term to DAFormer's own on whole target
    images; here it stands alone, without that term, ClassMix, feature distance and rare class sampling.

    Args:
        teacher: a copy of the network; its ``requires_grad`` is switched off.
        perturbations: called in turn with the student's B3HW images.
        inferer: runs both networks; a plain forward pass by default.
        confidence: the teacher's probability of its label above which a pixel is confident.
        weight: factor of the term in the total loss.
        branch: key of the nuclei logits where the network's output is a dictionary.
        batch_statistics: whether the teacher normalises by the statistics of its batch.

    Raises:
        ValueError: when ``confidence`` is not in 0..1.
    """

    def __init__(
        self,
        teacher: nn.Module,
        perturbations: Sequence[Perturbation] = (),
        inferer: Inferer | None = None,
        confidence: float = 0.968,
        weight: float = 1.0,
        branch: str | None = None,
        batch_statistics: bool = True,
    ) -> None:
        super().__init__(teacher, perturbations, inferer, False, weight, branch, batch_statistics)
        if not 0 <= confidence <= 1:
            raise ValueError(f"confidence must be in 0..1, got {confidence}.")
        self.confidence = confidence

    def compare(self, logits: Tensor, probability: Tensor) -> Tensor:
        """Returns the term, a scalar, of the student's B2HW logits and the teacher's B2HW probabilities."""
        certainty, label = probability.max(dim=1)
        return (certainty > self.confidence).float().mean() * cross_entropy(logits, label)
