"""A training's record, written when it begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ignite.distributed as idist
from ignite.engine import Engine, Events

from mani_monai.evaluation.training_record import check_image_steps, write_training_record


class TrainingRecordHandler:
    """Writes ``training.json`` at a training's first iteration, and has a resumed one go on with the same images.

    It is there before any weights are, so that what is exported of a training that was cut off is not mistaken for
    another one's. Attach it after the ``CheckpointHandler``, which may refuse to start.

    Args:
        folder: the training's output folder.
        facts: source, target, split, seed, iterations and settings of the inference.
        steps: what every image goes through before any augmentation.

    Raises:
        InputError: when a training goes on whose images went through other steps, or the record cannot be written.
    """

    def __init__(self, folder: str, facts: Mapping[str, Any], steps: Sequence[Callable[..., Any]]) -> None:
        self.folder = folder
        self.facts = facts
        self.steps = steps

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: the trainer.
        """
        engine.add_event_handler(Events.STARTED, self._check)
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def _check(self, engine: Engine) -> None:
        """Before anything of an earlier training is removed."""
        if engine.state.iteration:
            check_image_steps(self.folder, self.steps)

    def __call__(self, engine: Engine) -> None:
        if idist.get_rank() == 0:
            write_training_record(self.folder, self.facts, self.steps)
