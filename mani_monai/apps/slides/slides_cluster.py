"""Slides on a cluster: jobs with a part of the shards each, by way of submitit or Ray."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mani_monai.apps.slides.slide_result import SlideResult, last_line, reason_of
from mani_monai.apps.slides.slides_run import NO_SHARD, run_slides
from mani_monai.utils import InputError

if TYPE_CHECKING:
    from submitit import AutoExecutor, Job
    from submitit.helpers import DelayedSubmission

CLUSTERS = ("slurm", "local", "ray")
LOGS = "_cluster"
DEFAULTS = {"name": "mani_slides", "timeout_min": 24 * 60}
MOST_JOBS = 10_000
POLL, GRACE = 2, 20  # seconds between looks at a job, and until a result is seen over a network


@dataclass(frozen=True)
class ShardTask:
    """What a job does; submitit pickles it.

    Attributes:
        options: of :func:`run_slides`, but for ``shard`` and ``progress``.
    """

    options: Mapping[str, Any]

    def __call__(self, shard: str) -> str:
        """Does a part of the shards, and says how it ended."""
        return last_line(run_slides(**self.options, shard=shard, progress=False))

    def checkpoint(self, shard: str) -> DelayedSubmission:
        """What submitit queues anew when a job is preempted or runs out of time: done shards stay done."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, shard)


def run_on_cluster(
    options: Mapping[str, Any], cluster: str, jobs: int, parameters: Mapping[str, Any] | None = None
) -> tuple[list[SlideResult], list[str]]:
    """Submits jobs, waits for them, and writes what is still missing of files and summary.

    The folders have to lie where every machine sees them. A job that fails costs its open shards: the same command
    again does these alone.

    Args:
        options: of :func:`run_slides`, but for ``shard`` and ``progress``.
        cluster: "slurm", "local" for processes on this machine, or "ray".
        jobs: how many, hence parts of the work.
        parameters: of submitit's ``AutoExecutor.update_parameters``, such as ``{"slurm_partition": "gpu",
            "gpus_per_node": 1, "cpus_per_task": 4}``; or of ``ray.init``, such as ``{"address": "auto"}``.

    Returns:
        what became of each slide, and a line for each job that failed.

    Raises:
        InputError: for wrong options, or a cluster that is not there.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= MOST_JOBS:
        raise InputError(f"--jobs {jobs}: write how many jobs, 1 to {MOST_JOBS}.")
    if cluster not in CLUSTERS:
        raise InputError(f"--cluster {cluster}: no such scheduler here; there are {', '.join(CLUSTERS)}, and --shard.")
    shards = [f"{part}/{jobs}" for part in range(jobs)]
    if cluster == "ray":
        from mani_monai.apps.slides.slides_ray import run_parts

        failures = run_parts(options, shards, parameters)
    else:
        failures = _run_array(options, cluster, shards, parameters)
    return run_slides(**options, shard=NO_SHARD, progress=False), failures


def _run_array(
    options: Mapping[str, Any], cluster: str, shards: Sequence[str], parameters: Mapping[str, Any] | None
) -> list[str]:
    """Runs an array of jobs of submitit; a line for each that failed.

    Raises:
        InputError: when the scheduler takes no jobs.
    """
    folder = Path(str(options["out"])) / LOGS
    executor = _executor(folder, cluster, len(shards), parameters)
    try:
        submitted = executor.map_array(ShardTask(dict(options)), shards)
    except Exception as error:  # of submitit, such as what sbatch says of a partition
        line = f"--cluster {cluster}: nothing was submitted ({reason_of(error)}); look at --cluster_options."
        raise InputError(line) from error
    failures = []
    for shard, job in zip(shards, submitted, strict=True):
        try:
            _wait(job, cluster)
            job.result()
        except Exception as error:  # of submitit, or what the job raised
            failures.append(f"job {shard}: failed ({reason_of(error)}); its log is in {folder}.")
    return failures


def _wait(job: Job[str], cluster: str) -> None:
    """Waits for a job. submitit asks for Slurm's accounts, without which it would wait for a killed job for ever.

    Raises:
        RuntimeError: when the job left Slurm's queue without a result.
    """
    while not job.done():
        if cluster == "slurm" and _has_left(job.job_id):
            time.sleep(GRACE)
            if not job.done():
                raise RuntimeError("it left the queue without a result")
        time.sleep(POLL)


def _has_left(job: str) -> bool:
    """Whether Slurm's queue does not know a job any more; False where nobody answers."""
    answer = subprocess.run(["squeue", "-h", "-j", job], capture_output=True, text=True, check=False)
    return "Invalid job id" in answer.stderr or (answer.returncode == 0 and not answer.stdout.strip())


def _executor(folder: Path, cluster: str, jobs: int, parameters: Mapping[str, Any] | None) -> AutoExecutor:
    try:
        from submitit import AutoExecutor
    except ImportError as error:
        raise InputError('--cluster: needs a package: pip install "mani-monai[cluster]".') from error
    try:
        executor = AutoExecutor(folder, cluster=cluster)
        executor.update_parameters(**{**DEFAULTS, "slurm_array_parallelism": jobs, **dict(parameters or {})})
    except (RuntimeError, NameError, TypeError, ValueError, AssertionError, OSError) as error:
        raise InputError(f"--cluster {cluster}: {str(error).splitlines()[0]}.") from error
    return executor
