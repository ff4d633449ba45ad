"""Batch statistics re-estimated on the target, after training or at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ignite.engine import Engine, Events
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn


class AdaBNHandler:
    """Replaces the running statistics of every BatchNorm by those of unlabelled images (AdaBN, Li et al. 2016).

    When an evaluator starts, or a trainer has ended, the statistics are reset and averaged, with equal weight a batch,
    over one walk of the loader with the network in training mode; no weight changes.

    Args:
        network: the network that is about to be evaluated, or has been trained.
        loader: batches with unlabelled target images.
        key: key of the BCHW images in a batch.
        event: name of the engine's event to do it at: "started" of an evaluator, "completed" of a trainer, before the
            handlers that save.

    Raises:
        ValueError: when there is no such event.
    """

    def __init__(
        self, network: nn.Module, loader: Iterable[Mapping[str, Tensor]], key: str = "image", event: str = "started"
    ) -> None:
        self.network = network
        self.loader = loader
        self.key = key
        self.event = Events(event)

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: an evaluator or a trainer.
        """
        engine.add_event_handler(self.event, self)

    def __call__(self, engine: Engine) -> None:
        update_bn((batch[self.key] for batch in self.loader), self.network, device=engine.state.device)
