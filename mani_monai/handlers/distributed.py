"""What several processes have to agree on beside the network's gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from monai.engines.utils import IterationEvents
from torch import Tensor, nn


class RankAverageHandler:
    """Averages over the ranks what ``DistributedDataParallel`` around the network leaves to each of them.

    After every backward pass: gradients of the adaptation losses' own networks, and running statistics of every
    BatchNorm, so that all ranks hold the same state and rank 0's checkpoint is everybody's. What is true on one rank is
    true on all: a mean that one rank has seen is everybody's. The wrapper itself needs
    ``broadcast_buffers=False``: before the target pass it would put rank 0's statistics over those that each rank's
    source pass has just moved, and the mean would know rank 0's source images alone.

    Args:
        network: the network, not wrapped.
        adaptation: the adaptation losses, with the networks they own.
    """

    def __init__(self, network: nn.Module, adaptation: nn.Module) -> None:
        self.parameters = list(adaptation.parameters())
        buffers = [*network.buffers(), *adaptation.buffers()]
        self.statistics = [buffer for buffer in buffers if buffer.is_floating_point()]
        self.facts = [buffer for buffer in buffers if buffer.dtype == torch.bool]

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: the trainer.
        """
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        _average(self._gradients() + self.statistics)
        for fact in self.facts:
            fact.copy_(_summed(fact.float()) > 0)

    def _gradients(self) -> list[Tensor]:
        """Gradients that any rank has; zero where this one has none, since all its pairs were empty."""
        if not self.parameters:
            return []
        own = [parameter.grad is not None for parameter in self.parameters]
        ranks = _summed(torch.tensor(own, dtype=torch.float32, device=self.parameters[0].device))
        trained = [parameter for parameter, count in zip(self.parameters, ranks.tolist(), strict=True) if count]
        for parameter in trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return [parameter.grad for parameter in trained if parameter.grad is not None]


def _summed(tensor: Tensor) -> Tensor:
    """Over the ranks."""
    return cast("Tensor", idist.all_reduce(tensor))


def _average(tensors: Sequence[Tensor]) -> None:
    """Replaces tensors by their mean over the ranks, in one exchange."""
    if not tensors:
        return
    mean = _summed(torch.cat([tensor.flatten() for tensor in tensors])) / idist.get_world_size()
    for tensor, part in zip(tensors, mean.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))
