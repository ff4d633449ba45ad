"""A step of a run as a child process: one at a time in a folder, with a log and what it used."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mani_monai.run.bundle_training import BundleTraining
from mani_monai.run.launcher import Launcher
from mani_monai.run.sessions import UNKNOWN, read_sessions, write_sessions
from mani_monai.utils.machine import usable_cores


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
