"""Batch statistics that stay as they are while the weights learn."""

from __future__ import annotations

from typing import Any

from ignite.engine import Engine, Events
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class FixedStatisticsHandler:
    """Has every BatchNorm normalise by its running statistics during a training, and leave them as they are.

    A trainer sets the network to training mode in each iteration. So the layers are set back before every pass.

    Args:
        network: the network that trains.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._hook: Any = None

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: the trainer.
        """
        engine.add_event_handler(Events.STARTED, self)
        engine.add_event_handler(Events.COMPLETED | Events.EXCEPTION_RAISED, self._release)

    def __call__(self, engine: Engine) -> None:
        self._hook = self.network.register_forward_pre_hook(_fix)

    def _release(self, engine: Engine, error: BaseException | None = None) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
        if error is not None:
            raise error


def _fix(network: nn.Module, inputs: object) -> None:
    for layer in network.modules():
        if isinstance(layer, _BatchNorm):
            layer.eval()
