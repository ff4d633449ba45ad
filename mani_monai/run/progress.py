"""How far a run is, from its log, and how long it will take."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeVar

Result = TypeVar("Result")

TAIL = 4096
"""Bytes at the end of a log that are searched for the last iteration."""
POSITION = re.compile(rb"training:?\s*\[(\d+)/(\d+)\]")
"""What ignite's progress bar of a training starts with."""
TICK = 0.1
"""Seconds by which a file's time may lie before the clock: a file system's clock goes in steps."""
REMEMBERED = 120
"""Looks at a run that its pace is measured over."""


@dataclass(frozen=True)
class Position:
    """How far a run is.

    Args:
        step: "train", or the evaluation that is running.
        iteration: of the training; 0 where nothing is known.
        iterations: how many there will be; 0 where nothing is known.
    """

    step: str
    iteration: int = 0
    iterations: int = 0


def read_position(folder: Path, since: float = 0) -> Position | None:
    """How far a run is, from the end of its newest log.

    Args:
        folder: the run's folder.
        since: time of day in seconds; a log that is older is of another session.

    Returns:
        None where the run has not begun.
    """
    logs = [(path.stat().st_mtime, path) for path in folder.glob("*.log")]
    if not logs or max(logs)[0] < since:
        return None
    _, newest = max(logs)
    with open(newest, "rb") as file:
        file.seek(max(0, newest.stat().st_size - TAIL))
        found = POSITION.findall(file.read())
    if newest.stem != "train" or not found:
        return Position(newest.stem)
    return Position(newest.stem, *(int(number) for number in found[-1]))


class Pace:
    """Time that a training has left, from how fast it went of late."""

    def __init__(self) -> None:
        self.seen: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)

    def left(self, position: Position, now: float) -> float | None:
        """
        Args:
            position: where the run is now.
            now: time in seconds.

        Returns:
            seconds; None where nothing is known yet.
        """
        if self.seen and position.iteration < self.seen[-1][1]:
            self.seen.clear()
        self.seen.append((now, position.iteration))
        start, first = self.seen[0]
        if position.iteration == first:
            return None
        return (now - start) / (position.iteration - first) * (position.iterations - position.iteration)


class LinesInPlace:
    """Writes lines, anew in place on a terminal, now and then elsewhere.

    Args:
        file: where to write.
        interval: seconds between two writings where the file is no terminal.
    """

    def __init__(self, file: TextIO, interval: float = 60) -> None:
        self.file = file
        self.interval = interval
        self.written: Sequence[str] = ()
        self.last = 0.0

    def write(self, lines: Sequence[str], last: bool = False) -> None:
        """Writes the lines, where it is time to.

        Args:
            lines: all of them.
            last: whether to write in any case.
        """
        now = time.monotonic()
        if self.file.isatty():
            lines = [line[: shutil.get_terminal_size().columns - 1] for line in lines]  # a broken line counts as two
            up = f"\x1b[{len(self.written)}A" if self.written else ""
            self.file.write(up + "".join(f"\x1b[2K{line}\n" for line in lines) + "\x1b[J")
        elif last or now - self.last >= self.interval:
            self.file.write("\n".join(lines) + "\n")
            self.last = now
        self.file.flush()
        self.written = lines


def position_line(name: str, position: Position, pace: Pace, now: float) -> str:
    """A run's line.

    Args:
        name: the run's.
        position: where it is.
        pace: its pace so far, which is told of the position.
        now: time in seconds.
    """
    line = f"  {name}: {position.step.replace('_', ' ')}"
    if position.iterations:
        left = pace.left(position, now)
        line += f" {position.iteration}/{position.iterations}"
        line += f", {duration(left)} left" if left is not None else ""
    return line


def watched(
    call: Callable[[], Result], folder: Path, name: str, stop: Callable[[], None], seconds: float = 1.0
) -> Result:
    """Calls something that runs a training, and meanwhile says how far it is.

    Args:
        call: what runs it.
        folder: the run's folder, with its logs.
        name: the run's, for a person.
        stop: ends what ``call`` started, where this process is interrupted.
        seconds: between two looks.

    Returns:
        what ``call`` returns.
    """
    lines, pace, start = LinesInPlace(sys.stderr), Pace(), time.time() - TICK
    pool = ThreadPoolExecutor(1)
    try:
        job = pool.submit(call)
        while not job.done():
            time.sleep(seconds)
            position = read_position(folder, start)
            if position is not None:
                lines.write([position_line(name, position, pace, time.monotonic())], job.done())
        return job.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        stop()
        raise


def duration(seconds: float) -> str:
    """A duration as 0:42, 12:05 or 3:07:09."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
