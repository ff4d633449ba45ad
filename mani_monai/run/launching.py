"""Steps of a run as child processes: one at a time in a folder, with a log and what each of them used."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from mani_monai.run.bundle_training import BundleTraining
from mani_monai.utils.json_files import save_json
from mani_monai.utils.machine import usable_cores

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


Session = Mapping[str, float | None]
"""A ``Usage`` by name."""
UNKNOWN: Session = dict.fromkeys(field.name for field in fields(Usage))
"""A session that nobody measured: another program's, or one whose maker was killed with it."""


def read_sessions(folder: Path, step: str) -> list[Session]:
    """The sessions of a step so far."""
    path = folder / f"{step}_usage.json"
    return json.loads(path.read_text()) if path.exists() else []


def write_sessions(folder: Path, step: str, sessions: Sequence[Session]) -> None:
    """Keeps the sessions of a step in the run's folder."""
    save_json(folder / f"{step}_usage.json", list(sessions))


def training_figures(sessions: Sequence[Session]) -> dict[str, Any]:
    """What a training took, for its JSON.

    Args:
        sessions: from the training's first to its last; the last one is the one that ended it.

    Returns:
        sums of the times, peak memory and the number of sessions; all None where a session is unknown, or where none
        of them ended the training, so that somebody else's did.
    """
    names = ("training_seconds", "training_cpu_seconds", "peak_memory_mib", "sessions")
    if not sessions or sessions[-1]["status"] != 0 or any(session["seconds"] is None for session in sessions):
        return dict.fromkeys(names)
    measured = cast("Sequence[Mapping[str, float]]", sessions)
    figures = (
        round(sum(session["seconds"] for session in measured)),
        round(sum(session["cpu_seconds"] for session in measured)),
        round(max(session["peak_memory_mib"] for session in measured)),
        len(sessions),
    )
    return dict(zip(names, figures, strict=True))


@contextmanager
def run_lock(folder: Path) -> Iterator[int | None]:
    """Holds a run's folder, which is made, for as long as this process or any that inherits the lock lives.

    Yields:
        the lock's file descriptor; None where another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield lock.fileno()


@dataclass(frozen=True)
class StepRunner:
    """Runs the steps of runs as child processes.

    Attributes:
        threads: of each process; all cores that it may use where None.
        launcher: what starts the processes.
        gpu: the only one that they may see, as CUDA_VISIBLE_DEVICES names it; all of them where None.
    """

    threads: int | None = None
    launcher: Launcher = field(default_factory=Launcher)
    gpu: str | None = None

    def __call__(
        self,
        training: BundleTraining,
        folder: Path,
        lock: int,
        step: str = "train",
        overlays: Sequence[str] = (),
        options: Mapping[str, str] | None = None,
    ) -> bool:
        """Runs a step to its end; its output goes to ``<step>.log``, its figures to ``<step>_usage.json``.

        Args:
            training: the run's training.
            folder: the run's.
            lock: of the folder.
            step: its name.
            overlays: config files on top of the training's.
            options: further overrides.

        Returns:
            whether it succeeded.
        """
        environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads or usable_cores())}
        if self.gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = self.gpu
        sessions = read_sessions(folder, step)
        write_sessions(folder, step, [*sessions, UNKNOWN])  # what stays where this process does not live to see the end
        command = training.command(overlays, options)
        usage = self.launcher(command, folder / f"{step}.log", environment, [lock])
        write_sessions(folder, step, [*sessions, asdict(usage)])
        return usage.status == 0
