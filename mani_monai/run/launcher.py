"""Child processes with a log, and what each of them used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of a process's peak memory, as the kernel gives it."""


@dataclass(frozen=True)
class Usage:
    """What a child process used.

    Args:
        status: exit status; 0 is success.
        seconds: wall time.
        cpu_seconds: time on all processors, of the process and its children.
        peak_memory_mib: largest resident memory of the process or any one child (a loading process), in MiB.
    """

    status: int
    seconds: float
    cpu_seconds: float
    peak_memory_mib: float


class Launcher:
    """Runs commands, from several threads at once, until it is stopped."""

    def __init__(self) -> None:
        self.running: set[int] = set()
        self.stopped = False

    def __call__(
        self, command: Sequence[str], log: str | Path, environment: Mapping[str, str], inherit: Sequence[int] = ()
    ) -> Usage:
        """Runs a command to its end.

        Args:
            command: program and arguments.
            log: file that its output is added to.
            environment: its environment variables.
            inherit: file descriptors that stay open in it.
        """
        start = time.monotonic()
        with open(log, "a") as file:
            process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, env=dict(environment), pass_fds=tuple(inherit)
            )
        self.running.add(process.pid)
        if self.stopped:
            self._terminate(process.pid)
        try:
            _, status, used = os.wait4(process.pid, 0)  # Popen.wait would lose what the process used
        except BaseException:
            self._terminate(process.pid)
            process.wait()
            raise
        finally:
            self.running.discard(process.pid)
        process.returncode = os.waitstatus_to_exitcode(status)
        return Usage(
            status=process.returncode,
            seconds=time.monotonic() - start,
            cpu_seconds=used.ru_utime + used.ru_stime,
            peak_memory_mib=used.ru_maxrss * MAXRSS_BYTES / 2**20,
        )

    def stop(self) -> None:
        """Ends what is running and whatever is still started."""
        self.stopped = True
        for process in list(self.running):
            self._terminate(process)

    @staticmethod
    def _terminate(process: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
