"""Averaged weights as the last step of a training."""

from __future__ import annotations

from ignite.engine import Engine, Events
from torch import nn

from mani_monai.evaluation.weight_average import mean_state, second_half, snapshots_of

from ..utils.files import load_network


class SnapshotAverageHandler:
    """Gives a network the mean of the snapshots of the training's second half, when training has ended.

    Stochastic weight averaging (Izmailov et al. 2018) of a few snapshots, running batch statistics included: what the
    selection ``average`` scores. With fewer than two snapshots the last iterate stays.

    Args:
        network: the network whose snapshots they are.
        folder: the training's output folder, with ``snapshots`` in it.
    """

    def __init__(self, network: nn.Module, folder: str) -> None:
        self.network = network
        self.folder = folder

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: a trainer; before the handlers that save what is deployed.
        """
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        late = second_half(snapshots_of(self.folder))
        if len(late) > 1:
            load_network(self.network, mean_state(late), self.folder)
