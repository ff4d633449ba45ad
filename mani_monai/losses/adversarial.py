"""What all losses with a discriminator of the two domains share."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import binary_cross_entropy_with_logits

from mani_monai.losses.adaptation_loss import AdaptationLoss, DomainBatch

SOURCE, TARGET = 1.0, 0.0


def domain_cross_entropy(scores: Tensor, domain: float) -> Tensor:
    """Mean binary cross-entropy of a discriminator's scores, all of one domain.

    Args:
        scores: logits of "this is source", any shape.
        domain: the label of all of them: ``SOURCE`` = 1, ``TARGET`` = 0, or between where labels are smoothed.

    Returns:
        a scalar; ln 2 for scores of 0.
    """
    return binary_cross_entropy_with_logits(scores, torch.full_like(scores, domain))


def through_constant_weights(module: nn.Module, *inputs: Tensor) -> Tensor:
    """Calls a module whose weights count as constants: gradients reach its inputs, and what made them, alone.

    Args:
        module: any module.
        inputs: what its ``forward`` takes.

    Returns:
        what its ``forward`` gives.
    """
    constants = {name: parameter.detach() for name, parameter in module.named_parameters()}
    return functional_call(module, constants, inputs)


def adversarial_terms(
    discriminator: nn.Module, source: Tensor, target: Tensor, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Both sides of the game between a discriminator and what makes the target.

    ``fooling = BCE(D(target), source)``, through weights of D that are constants;
    ``own = BCE(D(source), source) + BCE(D(target), target)``, on detached maps. So one backward of both trains the
    discriminator by its own term alone, and the target's maker by the fooling term alone.

    Source and target pass the discriminator in one batch, for fooling too: a BatchNorm in it that saw one domain at a
    time would take the difference of the domains' means away. Maps of unlike sizes are cut to the smaller height and
    width.

    Args:
        discriminator: maps to scores, logits of "this is source".
        source: what the discriminator calls source, BCHW or any other shape it takes.
        target: the same of the target.
        smoothing: one-sided label smoothing; the source's label is ``1 - smoothing`` in the discriminator's term.

    Returns:
        the fooling term and the discriminator's own term, two scalars.
    """
    common = [slice(min(sides)) for sides in zip(source.shape[2:], target.shape[2:], strict=True)]
    source, target = source[(..., *common)].detach(), target[(..., *common)]
    fooled = through_constant_weights(discriminator, torch.cat([source, target]))[len(source) :]
    scores = discriminator(torch.cat([source, target.detach()]))
    of_source = domain_cross_entropy(scores[: len(source)], SOURCE - smoothing)
    of_target = domain_cross_entropy(scores[len(source) :], TARGET)
    return domain_cross_entropy(fooled, SOURCE), of_source + of_target


class AdversarialLoss(AdaptationLoss):
    """Teaches the network to give the target maps that a discriminator takes for the source's.

    ``fooling_weight x fooling + own``, see ``adversarial_terms``. A method says which maps are compared.

    The one optimiser of the training moves network and discriminator in the same step and at the same rate; published
    codes take the discriminator's step first and at a rate of its own. Adam does not care about the factor of
    the discriminator's term, so its halving in some of them is left out.

    Args:
        discriminator: the network that scores maps.
        fooling_weight: factor of the fooling term.
        smoothing: label smoothing of the source in the discriminator's term.
        weight: factor of the whole; 1, so that ``fooling_weight`` is what stands beside the segmentation loss.

    Raises:
        ValueError: when a weight is negative or ``smoothing`` is not in [0, 0.5).
    """

    def __init__(
        self, discriminator: nn.Module, fooling_weight: float = 0.001, smoothing: float = 0.0, weight: float = 1.0
    ) -> None:
        super().__init__(weight)
        if fooling_weight < 0:
            raise ValueError(f"fooling_weight must be >= 0, got {fooling_weight}.")
        if not 0 <= smoothing < 0.5:
            raise ValueError(f"smoothing must be >= 0 and < 0.5, got {smoothing}.")
        self.discriminator = discriminator
        self.fooling_weight = fooling_weight
        self.smoothing = smoothing

    @abstractmethod
    def maps(self, source: DomainBatch, target: DomainBatch) -> tuple[Tensor, Tensor]:
        """The maps of source and target that the discriminator compares, BCHW each; the target's with gradient."""

    def forward(self, source: DomainBatch, target: DomainBatch, network: nn.Module | None = None) -> Tensor:
        """
        Args:
            source: the labelled batch.
            target: the unlabelled batch; its images may have another size.
            network: not used.

        Returns:
            a scalar >= 0; (2 + ``fooling_weight``) ln 2 for a discriminator that knows nothing.
        """
        fooling, own = adversarial_terms(self.discriminator, *self.maps(source, target), self.smoothing)
        return self.fooling_weight * fooling + own
