"""Who runs the runs: threads of this machine, or a cluster by way of submitit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from submitit import AutoExecutor
from submitit import Job as ClusterJob
from submitit.helpers import DelayedSubmission

from mani_monai.utils import InputError
from studies.maker import RunMaker
from studies.plan import Run

CLUSTERS = ("slurm", "local")
CLUSTER_DEFAULTS = {"timeout_min": 24 * 60, "name": "mani"}
"""What a job asks for where nothing else is said; a run that is cut off resumes."""


class Job(Protocol):
    """What a scheduler gives for a run."""

    def done(self) -> bool: ...

    def result(self) -> str: ...


class ThreadScheduler:
    """Runs side by side on this machine, each in processes of its own; GPUs go round among them.

    Args:
        make: makes a run.
        jobs: how many at once.
        gpus: what CUDA_VISIBLE_DEVICES may name; empty for a machine without.

    Raises:
        ValueError: when ``jobs`` < 1.
    """

    def __init__(self, make: RunMaker, jobs: int, gpus: Sequence[str] = ()) -> None:
        if jobs < 1:
            raise ValueError(f"jobs must be >= 1, got {jobs}.")
        self.make = make
        self.pool = ThreadPoolExecutor(jobs)
        self.gpus: SimpleQueue[str | None] = SimpleQueue()
        for number in range(jobs):
            self.gpus.put(gpus[number % len(gpus)] if gpus else None)

    def submit(self, runs: Sequence[Run]) -> list[Future[str]]:
        """Starts runs, in order, as threads get free.

        Returns:
            a job a run; its result is "done", "failed" or "busy".
        """
        return [self.pool.submit(self._run, run) for run in runs]

    def stop(self) -> None:
        """Ends what is running; it resumes another time."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.make.launcher.stop()

    def _run(self, run: Run) -> str:
        gpu = self.gpus.get()
        try:
            return self.make(run, gpu)
        finally:
            self.gpus.put(gpu)


class ClusterTask:
    """A run as a job of a cluster: where the cluster takes the machine away, it is queued again and resumes.

    Args:
        make: makes a run, ``make(run)``.
    """

    def __init__(self, make: Callable[[Run], str]) -> None:
        self.make = make

    def __call__(self, run: Run) -> str:
        return self.make(run)

    def checkpoint(self, run: Run) -> DelayedSubmission:
        """What submitit queues anew when a job is preempted or runs out of time."""
        return DelayedSubmission(self, run)


class SubmititScheduler:
    """One job a run through submitit; the runs' folders have to lie where every machine sees them.

    Args:
        make: makes a run, ``make(run)``; it is pickled.
        folder: for submitit's own files and logs.
        cluster: "slurm", or "local" for processes on this machine.
        jobs: how many at once.
        parameters: of submitit's ``AutoExecutor.update_parameters``, e.g. ``{"slurm_partition": "gpu",
            "gpus_per_node": 1, "cpus_per_task": 4}``.

    Raises:
        ValueError: when ``jobs`` < 1.
        InputError: for a cluster that is none of the two, is not there, or does not know a parameter.
    """

    def __init__(
        self,
        make: Callable[[Run], str],
        folder: str | Path,
        cluster: str,
        jobs: int,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        if jobs < 1:
            raise ValueError(f"jobs must be >= 1, got {jobs}.")
        if cluster not in CLUSTERS:
            raise InputError(f"--cluster {cluster}: no such scheduler; there are {', '.join(CLUSTERS)}.")
        self.task = ClusterTask(make)
        self.cluster = cluster
        self.pool = ThreadPoolExecutor(jobs)
        self.jobs: list[ClusterJob[str]] = []
        try:
            self.executor = AutoExecutor(folder, cluster=cluster)
            self.executor.update_parameters(
                slurm_array_parallelism=jobs, **{**CLUSTER_DEFAULTS, **dict(parameters or {})}
            )
        except (RuntimeError, NameError, TypeError, ValueError, AssertionError) as error:
            raise InputError(f"--cluster {cluster}: {str(error).splitlines()[0]}") from error

    def submit(self, runs: Sequence[Run]) -> Sequence[Job]:
        """Hands runs to the cluster, in order.

        Returns:
            a job a run; its result is "done", "failed" or "busy".
        """
        if self.cluster == "slurm":
            self.jobs = self.executor.map_array(self.task, runs) if runs else []
            return self.jobs
        # submitit's local executor starts all that it is given at once: threads hold the rest back
        return [self.pool.submit(self._run, run) for run in runs]

    def stop(self) -> None:
        """Ends local jobs; Slurm's go on, and their results are there the next time (scancel ends them)."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        if self.cluster == "local":
            for job in self.jobs:
                job.cancel()

    def _run(self, run: Run) -> str:
        job = self.executor.submit(self.task, run)
        self.jobs.append(job)
        return job.result()
