"""Makes the runs of a table that are missing, resumable at any point, and shows how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Protocol, TextIO

from mani_monai.run.progress import LinesInPlace, Pace, Position, position_line, read_position
from studies.maker import BUSY, DONE, FAILED, RunMaker
from studies.plan import Run
from studies.scheduler import Job


class ProgressTable(LinesInPlace):
    """Writes one line a running run and one for all, in place on a terminal, now and then elsewhere.

    Args:
        total: runs to make.
        file: where to write.
        interval: seconds between two writings where the file is no terminal.
    """

    def __init__(self, total: int, file: TextIO, interval: float = 60) -> None:
        super().__init__(file, interval)
        self.total = total
        self.paces: dict[Run, Pace] = {}

    def lines(self, positions: Mapping[Run, Position], done: int, failed: int, now: float) -> list[str]:
        """The table as text.

        Args:
            positions: of the runs that are running.
            done: runs that ended well.
            failed: runs that did not.
            now: time in seconds.
        """
        lines = [f"runs: {done} of {self.total} done, {len(positions)} running, {failed} failed"]
        for run, position in positions.items():
            lines.append(position_line(run.name, position, self.paces.setdefault(run, Pace()), now))
        return lines

    def update(self, positions: Mapping[Run, Position], done: int, failed: int, last: bool = False) -> None:
        """Writes the table, where it is time to.

        Args:
            positions: of the runs that are running.
            done: runs that ended well.
            failed: runs that did not.
            last: whether to write in any case.
        """
        self.write(self.lines(positions, done, failed, time.monotonic()), last)


class Scheduler(Protocol):
    """What ``ThreadScheduler`` and ``SubmititScheduler`` do."""

    def submit(self, runs: Sequence[Run]) -> Sequence[Job]: ...

    def stop(self) -> None: ...


class TableRunner:
    """Runs what is missing of a table and shows how far it is.

    Args:
        make: knows which runs are done and where they leave what.
        scheduler: runs the others.
        seconds: between two looks at them.
    """

    def __init__(self, make: RunMaker, scheduler: Scheduler, seconds: float = 1.0) -> None:
        self.make = make
        self.scheduler = scheduler
        self.seconds = seconds

    def __call__(self, runs: Sequence[Run]) -> list[str]:
        """Makes the missing runs.

        Args:
            runs: the runs of the table, in the order to make them in.

        Returns:
            the names of those that failed; their logs say why.
        """
        missing = [run for run in runs if not self.make.is_done(run)]
        print(f"{len(runs) - len(missing)} of {len(runs)} runs are done, {len(missing)} to go.", flush=True)
        outcomes = self._make(missing) if missing else {}
        busy = [run.name for run, outcome in outcomes.items() if outcome == BUSY]
        if busy:
            print(f"left out, another process is making them: {', '.join(busy)}", flush=True)
        for lack, names in self._lost(runs).items():
            print(f"{len(names)} runs lack {lack} and their weights are gone: {', '.join(names)}", flush=True)
        return [run.name for run, outcome in outcomes.items() if outcome == FAILED]

    def _make(self, missing: Sequence[Run]) -> dict[Run, str]:
        try:
            return self._watch(dict(zip(missing, self.scheduler.submit(missing), strict=True)))
        except BaseException:
            self.scheduler.stop()
            raise

    def _lost(self, runs: Sequence[Run]) -> dict[str, list[str]]:
        """Names of the runs that can no longer be completed, by what they lack."""
        lost: dict[str, list[str]] = {}
        for run in runs:
            lacking = self.make.lost(run)
            if lacking:
                lost.setdefault(", ".join(lacking), []).append(run.name)
        return lost

    def _watch(self, jobs: Mapping[Run, Job]) -> dict[Run, str]:
        table, start, outcomes = ProgressTable(len(jobs), sys.stderr), time.time(), {}
        while len(outcomes) < len(jobs):
            time.sleep(self.seconds)
            for run, job in jobs.items():
                if run not in outcomes and job.done():
                    outcomes[run] = _outcome(run, job)
            ended = list(outcomes.values())
            looks = {run: read_position(self.make.folder(run), start) for run in jobs if run not in outcomes}
            positions = {run: position for run, position in looks.items() if position}
            table.update(positions, ended.count(DONE), ended.count(FAILED), len(outcomes) == len(jobs))
        return outcomes


def _outcome(run: Run, job: Job) -> str:
    try:
        return job.result()
    except Exception as error:  # one run's trouble is not the table's
        reason = [repr(error), *str(error).splitlines()][-1]
        print(f"{run.name}: {reason}", file=sys.stderr, flush=True)
        return FAILED
