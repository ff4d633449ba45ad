"""Numbers that follow a training's iterations: a loss's weight, the optimiser's rate."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, cast

from ignite.engine import Engine, Events
from monai.handlers import ParamSchedulerHandler
from torch.optim import Optimizer

SCHEDULES = {
    "linear": lambda progress: progress,
    "sigmoid": lambda progress: math.exp(-5 * (1 - progress) ** 2),
    "ganin": lambda progress: 2 / (1 + math.exp(-10 * progress)) - 1,
}
"""From 0 to 1 over the progress 0 to 1: "sigmoid" is the ramp of Laine & Aila (2017), which starts at 0.007; "ganin"
that of the gradient reversal's strength (Ganin & Lempitsky, 2015)."""


class ScheduleHandler(ParamSchedulerHandler):
    """MONAI's scheduler with the ramps of adaptation: ``value`` x the schedule of the progress, in each iteration.

    A function of the iteration alone, so that a resumed training goes on with the same numbers.

    Args:
        target: what has the attribute, e.g. an ``AdaptationLoss``.
        attribute: its name, e.g. "weight".
        schedule: "linear", "sigmoid" or "ganin".
        value: where it ends.
        start: the last iteration with progress 0.
        length: iterations from there to progress 1; it stays there.

    Raises:
        ValueError: when the schedule is unknown, the target has no such attribute or ``start`` or ``length`` is
            negative.
    """

    def __init__(self, target: object, attribute: str, schedule: str, value: float, start: int, length: int) -> None:
        if schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {schedule!r}.")
        if not hasattr(target, attribute):
            raise ValueError(f"{type(target).__name__} has no attribute {attribute!r} to schedule.")
        if start < 0 or length < 0:
            raise ValueError(f"start and length must be >= 0, got {start} and {length}.")
        ramp = {"schedule": schedule, "value": value, "start": start, "length": length}
        event = cast("Any", Events.ITERATION_STARTED)  # annotated as text, handed to ignite
        super().__init__(partial(setattr, target, attribute), scheduled, ramp, event=event)


def scheduled(schedule: str, value: float, start: int, length: int, current_step: int) -> float:
    """The number at an iteration, ``current_step``; the others are :class:`ScheduleHandler`'s arguments."""
    progress = (current_step - start) / max(length, 1)
    return value * SCHEDULES[schedule](min(max(progress, 0.0), 1.0))


class CosineRateHandler:
    """Sets the optimiser's learning rate from the iteration (Loshchilov & Hutter 2017).

    It is ``rate`` (1 + cos(pi progress)) / 2, a function of the iteration alone, so that a resumed training goes on
    with the same numbers. torch's ``CosineAnnealingLR`` has a state of its own to checkpoint.

    Args:
        optimizer: its groups all get the same rate.
        rate: the rate at the beginning.
        iterations: iterations of the training, at whose end the rate is 0.

    Raises:
        ValueError: when ``rate`` is negative or ``iterations`` < 1.
    """

    def __init__(self, optimizer: Optimizer, rate: float, iterations: int) -> None:
        if rate < 0:
            raise ValueError(f"rate must be >= 0, got {rate}.")
        if iterations < 1:
            raise ValueError(f"iterations must be >= 1, got {iterations}.")
        self.optimizer = optimizer
        self.rate = rate
        self.iterations = iterations

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: the trainer.
        """
        engine.add_event_handler(Events.ITERATION_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        progress = min((engine.state.iteration - 1) / self.iterations, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * (1 + math.cos(math.pi * progress)) / 2
