"""How far the runs of a table are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TextIO

from mani_monai.run.progress import LinesInPlace, Pace, Position, position_line
from studies.plan import Run


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
