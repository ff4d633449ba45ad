"""A number that grows over a training."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, cast

from ignite.engine import Events
from monai.handlers import ParamSchedulerHandler

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
