"""A teacher that is a copy of the network, renewed from time to time."""

from __future__ import annotations

from ignite.engine import Engine, Events
from torch import nn


class TeacherRefreshHandler:
    """Copies the network's weights and batch statistics into a teacher, first after ``start`` iterations.

    It copies before the iterations start + 1, start + 1 + interval, start + 1 + 2 x interval and so on: a function of
    the iteration, so that a training resumed between two of them goes on with the teacher of its checkpoint.

    Args:
        teacher: the copy, e.g. ``CyclicPseudoLabelLoss.teacher``.
        network: the network, not wrapped.
        interval: iterations between two copies.
        start: iterations before the first copy, e.g. the warm-up.

    Raises:
        ValueError: when ``interval`` < 1 or ``start`` is negative.
    """

    def __init__(self, teacher: nn.Module, network: nn.Module, interval: int, start: int = 0) -> None:
        if interval < 1:
            raise ValueError(f"interval must be >= 1, got {interval}.")
        if start < 0:
            raise ValueError(f"start must be >= 0, got {start}.")
        self.teacher = teacher
        self.network = network
        self.interval = interval
        self.start = start

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: the trainer.
        """
        engine.add_event_handler(Events.ITERATION_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        passed = engine.state.iteration - 1 - self.start
        if passed < 0 or passed % self.interval:
            return
        self.teacher.load_state_dict(self.network.state_dict())
