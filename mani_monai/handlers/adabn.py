"""Batch statistics re-estimated on the target, after training or at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from ignite.engine import Engine, Events
from torch import Tensor, nn

from mani_monai.networks.layers.batch_statistics import check_statistics, reestimate_statistics


class AdaBNHandler:
    """Replaces the running statistics of every BatchNorm by those of unlabelled images (AdaBN, Li et al. 2016).

    When an evaluator starts, or a trainer has ended, the statistics are reset and averaged, with equal weight a batch,
    over one walk of the loader with the network in training mode; no weight changes. What is no tissue takes no part.
    With ``source_share`` the statistics that were there count for that share and the new ones for the rest (Schneider
    et al. 2020).

    Args:
        network: the network that is about to be evaluated, or has been trained.
        loader: batches with unlabelled target images.
        key: key of the BCHW images in a batch.
        event: name of the engine's event to do it at: "started" of an evaluator, "completed" of a trainer, before the
            handlers that save.
        source_share: weight in 0..1 of the means and variances that were there.
        tissue_key: key of their B1HW masks, nought where there is no tissue; without it all of an image counts.

    Raises:
        ValueError: when there is no such event, or the share is outside 0..1.
        InputError: when the network has no batch statistics; when it is called and no batch has tissue. What evaluates
            or saves afterwards does not take place.
    """

    def __init__(
        self,
        network: nn.Module,
        loader: Iterable[Mapping[str, Tensor]],
        key: str = "image",
        event: str = "started",
        source_share: float = 0.0,
        tissue_key: str = "target_tissue",
    ) -> None:
        if not 0 <= source_share <= 1:
            raise ValueError(f"source_share must be in 0..1, got {source_share}.")
        check_statistics(network)
        self.network = network
        self.loader = loader
        self.key = key
        self.event = Events(event)
        self.source_share = source_share
        self.tissue_key = tissue_key

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: an evaluator or a trainer.
        """
        engine.add_event_handler(self.event, self)

    def __call__(self, engine: Engine) -> None:
        device = cast("Any", engine.state).device  # MONAI's engines add it
        before = {name: statistic.clone() for name, statistic in self._statistics()}
        batches = ((batch[self.key], batch.get(self.tissue_key)) for batch in self.loader)
        reestimate_statistics(self.network, batches, device)
        for name, statistic in self._statistics():
            statistic.lerp_(before[name], self.source_share)

    def _statistics(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, buffer) for name, buffer in self.network.named_buffers() if buffer.is_floating_point())
