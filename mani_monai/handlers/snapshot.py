"""Snapshots of a training's weights, and their average."""

from __future__ import annotations

from pathlib import Path

from ignite.engine import Engine, Events
from torch import nn

from mani_monai.evaluation.weight_average import mean_state, second_half, snapshots_of

from ..utils.files import load_network, save_atomically, weights_file


class SnapshotHandler:
    """Saves the network every ``interval`` iterations and, when training ends, the last iterate.

    Snapshots are what selections choose from afterwards, so that no selection has a part in training. A training that
    begins removes what an earlier one left in the folder: later snapshots, ``models/model.pt`` and, where it begins
    anew, ``models/model_*.pt``, so that none of them is taken for its own.

    Args:
        network: the network.
        folder: receives ``snapshots/iteration_000500.pt`` and ``models/model.pt``, state dictionaries.
        interval: iterations between two snapshots.

    Raises:
        ValueError: when ``interval`` < 1.
    """

    def __init__(self, network: nn.Module, folder: str, interval: int) -> None:
        if interval < 1:
            raise ValueError(f"interval must be >= 1, got {interval}.")
        self.network = network
        self.folder = Path(folder)
        self.interval = interval

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: the trainer.
        """
        engine.add_event_handler(Events.EPOCH_STARTED, self._remove_later)
        engine.add_event_handler(Events.ITERATION_COMPLETED(every=self.interval), self)
        engine.add_event_handler(Events.COMPLETED, self._save_last)

    def _remove_later(self, engine: Engine) -> None:
        """Removes what an earlier training in the same folder left from iterations that are still to come."""
        for path in self.folder.glob("snapshots/iteration_*.pt"):
            if int(path.stem.removeprefix("iteration_")) > engine.state.iteration:
                path.unlink(missing_ok=True)
        if engine.state.iteration < (engine.state.max_epochs or 0) * (engine.state.epoch_length or 0):
            weights_file(self.folder).unlink(missing_ok=True)
        if not engine.state.iteration:  # the best on source validation, averages, re-estimated ones
            for path in self.folder.glob("models/model_*.pt"):
                path.unlink(missing_ok=True)

    def __call__(self, engine: Engine) -> None:
        name = f"iteration_{engine.state.iteration:06d}.pt"
        save_atomically(self.network.state_dict(), self.folder / "snapshots" / name)

    def _save_last(self, engine: Engine) -> None:
        save_atomically(self.network.state_dict(), weights_file(self.folder))


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
