"""Saving and resuming a training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ..data.samplers import IterationBatchSampler
from ..utils import InputError
from ..utils.files import load_network, save_atomically
from ..utils.whole_tensors import load_whole
from .best_model import BestModelHandler


class CheckpointHandler(Checkpoint):
    """Saves all that a training needs to go on, atomically, and resumes from it.

    It is ignite's ``Checkpoint`` of one file, which :func:`save_atomically` writes. Different from it:

    - The older file stays until the new one is whole. ignite removes it first where it knows the saver as its own.
    - The position is the iteration and how many were asked for. An engine's own state would keep a resumed training
      from becoming longer.
    - It resumes, points the sampler, and refuses in one line.

    With samples and random states that are functions of the iteration (``PairedDataset``, ``IterationSeedHandler``),
    a run on a CPU, killed at any moment and resumed, ends in the same weights, bit for bit, as one that was not; on
    a GPU as far as its kernels repeat themselves. Attach it after the validation, whose best score belongs to the
    checkpoint of the same iteration.

    Args:
        path: the checkpoint file.
        network: the network.
        optimizer: its optimiser.
        adaptation: the adaptation losses, with the networks they own.
        best: keeper of the best score.
        sampler: sampler of the training data, told where to go on, in a resumed run and in a further epoch.
        interval: iterations between two checkpoints; one more is written at the last iteration, before any handler of
            the training's end changes what is deployed.
        resume: whether to go on from the checkpoint, where there is one.
        scheduler: of the learning rate, where there is one; attach its handler before this one.
        deployed: what is kept in the network's place, where it is another one, say a moving average of it.

    Raises:
        ValueError: when ``interval`` < 1.
        InputError: when the run starts, if the checkpoint is of another network or method, cannot be read, or is of
            an unfinished training that would be overwritten for want of ``resume``.
    """

    def __init__(
        self,
        path: str,
        network: nn.Module,
        optimizer: Optimizer,
        adaptation: nn.ModuleDict,
        best: BestModelHandler,
        sampler: IterationBatchSampler,
        interval: int,
        resume: bool = False,
        scheduler: LRScheduler | None = None,
        deployed: nn.Module | None = None,
    ) -> None:
        if interval < 1:
            raise ValueError(f"interval must be >= 1, got {interval}.")
        self.path = Path(path)
        self.networks = {"model": network, "adaptation": adaptation}
        if deployed is not None and deployed is not network:
            self.networks["deployed"] = deployed
        self.objects = {"optimizer": optimizer, "best": best}
        if scheduler is not None:
            self.objects["scheduler"] = scheduler
        objects = {**self.objects, **self.networks}
        super().__init__(objects, self._save, n_saved=None, filename_pattern=self.path.name)
        self.sampler = sampler
        self.iteration = 0
        self.interval = interval
        self.resume = resume

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: the trainer.
        """
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_STARTED, self._point_sampler)
        engine.add_event_handler(Events.ITERATION_COMPLETED(once=1), self._forget_earlier)
        engine.add_event_handler(Events.ITERATION_COMPLETED(event_filter=self._is_due), self)

    def _is_due(self, engine: Engine, iteration: int) -> bool:
        return iteration % self.interval == 0 or iteration == self.sampler.iterations

    def __call__(self, engine: Engine, *args: Any, **kwargs: Any) -> None:
        self.iteration = engine.state.iteration
        super().__call__(engine, *args, **kwargs)

    # Private in ignite, which offers no public place for what a checkpoint holds. Checked with ignite 0.5.5.
    def _setup_checkpoint(self) -> dict[str, Any]:
        position = {"iteration": self.iteration, "iterations": self.sampler.iterations}
        return {**position, **super()._setup_checkpoint()}

    def _save(self, states: Mapping[str, Any], name: str, metadata: Mapping[str, Any] | None = None) -> None:
        save_atomically(states, self.path)

    def _point_sampler(self, engine: Engine) -> None:
        self.sampler.start = engine.state.iteration

    def _forget_earlier(self, engine: Engine) -> None:
        """A resume of a training that began anew must not find the finished one before it."""
        self.path.unlink(missing_ok=True)

    def _start(self, engine: Engine) -> None:
        if not self.path.exists():
            return
        checkpoint = load_whole(self.path)
        iteration, iterations = checkpoint["iteration"], self.sampler.iterations
        if not self.resume:
            if iteration < checkpoint.get("iterations", iterations):
                raise InputError(
                    f"{self.path}: holds an unfinished training (iteration {iteration}): go on with --resume, "
                    "name another folder, or delete the file to start anew."
                )
            return
        if iteration > iterations:
            raise InputError(
                f"{self.path}: stands at iteration {iteration}, past the {iterations} asked for: ask for more "
                "iterations or name another folder."
            )
        for name, network in self.networks.items():
            load_network(network, checkpoint.get(name, {}), self.path)
        self.load_objects(self.objects, checkpoint)
        engine.state.iteration = iteration
        engine.state.epoch = iteration // engine.state.epoch_length
        engine.logger.info(f"Going on from iteration {iteration} of {iterations} ({self.path}).")
