"""The trainer's iteration, for an evaluator's logs."""

from __future__ import annotations

from ignite.engine import Engine, Events


class TrainingStep:
    """Keeps the trainer's iteration, so that an evaluator's logs can name it.

    Hand an attached instance to a log handler of the evaluator as ``global_epoch_transform``.
    """

    def __init__(self) -> None:
        self.iteration = 0

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: the trainer.
        """
        engine.add_event_handler(Events.ITERATION_STARTED, self._follow)

    def __call__(self, epoch: int) -> int:
        """Returns the trainer's iteration in place of an evaluator's epoch."""
        return self.iteration

    def _follow(self, engine: Engine) -> None:
        self.iteration = engine.state.iteration
