"""Who runs the runs: threads of this machine, and submitit's local executor."""

from __future__ import annotations

import json
import operator
import shutil
import threading
from concurrent.futures import wait
from pathlib import Path
from types import SimpleNamespace

import pytest

from mani_monai.utils import InputError
from studies import Method, RunMaker, SubmititScheduler, Table, TableRunner, ThreadScheduler, scheduler

ROOT = Path(__file__).parents[2]


class Watched:
    """Stands in for a maker: notes which GPU each run got and how many ran at once.

    Args:
        together: runs wait for each other until so many of them are there.
    """

    def __init__(self, together=1):
        self.together = threading.Barrier(together, timeout=300)
        self.lock = threading.Lock()
        self.now = self.most = 0
        self.gpus = []
        self.launcher = SimpleNamespace(stop=lambda: setattr(self, "stopped", True))
        self.stopped = False

    def __call__(self, run, gpu=None):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.gpus.append(gpu)
        self.together.wait()
        with self.lock:
            self.now -= 1
        if run == "broken":
            raise ValueError(run)
        return f"{run} done"


@pytest.mark.parametrize("jobs", [1, 3])
def test_threads_run_so_many_at_once_in_order(jobs):
    make = Watched(together=jobs)
    futures = ThreadScheduler(make, jobs).submit(list("abcdef"))
    assert [future.result() for future in futures] == [f"{run} done" for run in "abcdef"]
    assert make.most == jobs
    assert make.gpus == [None] * 6


def test_gpus_go_round():
    """Four at once on two GPUs: each has two, also after one has failed."""
    make = Watched(together=4)
    schedule = ThreadScheduler(make, 4, ["0", "3"])
    wait(schedule.submit(["a", "broken", "b", "c"]))
    assert sorted(make.gpus) == ["0", "0", "3", "3"]
    wait(schedule.submit(["a", "b", "c", "d"]))
    assert sorted(make.gpus[4:]) == ["0", "0", "3", "3"]


def test_stopping_starts_no_more_and_ends_what_runs():
    make = Watched(together=2)
    schedule = ThreadScheduler(make, 1)
    futures = schedule.submit(["a", "b", "c"])
    schedule.stop()
    make.together.wait()  # so long the first run is not done
    assert make.stopped
    assert futures[0].result(timeout=300) == "a done"
    assert [future.cancelled() for future in futures][1:] == [True, True]


@pytest.mark.parametrize("kind", [ThreadScheduler, lambda make, jobs: SubmititScheduler(make, "unused", "local", jobs)])
def test_no_job_at_once_is_refused(kind):
    with pytest.raises(ValueError, match="jobs must be >= 1, got 0"):
        kind(Watched(), 0)


@pytest.mark.parametrize(
    ("cluster", "parameters", "message"),
    [
        ("ray", {}, "--cluster ray: no such scheduler; there are slurm, local"),
        ("local", {"cpu": 4}, "--cluster local: "),
        pytest.param(
            *("slurm", {}, "--cluster slurm: .*srun"),
            marks=pytest.mark.skipif(shutil.which("srun") is not None, reason="there is a Slurm here"),
        ),
    ],
)
def test_a_cluster_that_is_not_there(tmp_path, cluster, parameters, message):
    with pytest.raises(InputError, match=message):
        SubmititScheduler(abs, tmp_path, cluster, 1, parameters)


@pytest.mark.parametrize("given", [(-3, 3), ("text", TypeError)])
def test_a_jobs_result_or_failure_is_passed_on(tmp_path, monkeypatch, given):
    """By jobs of this process; the slow test has processes."""
    value, outcome = given

    def submit(task, run):
        return SimpleNamespace(result=lambda: task(run))

    schedule = SubmititScheduler(operator.neg, tmp_path, "local", jobs=1)
    monkeypatch.setattr(schedule, "executor", SimpleNamespace(submit=submit))
    (job,) = schedule.submit([value])
    if outcome is TypeError:
        with pytest.raises(TypeError, match="bad operand type for unary -"):
            job.result(timeout=300)
    else:
        assert job.result(timeout=300) == outcome


@pytest.mark.slow
def test_submitit_runs_each_in_a_process_of_its_own_and_passes_a_failure_on(tmp_path):
    """One at a time; each process imports MONAI."""
    good, bad = SubmititScheduler(operator.neg, tmp_path, "local", jobs=1).submit([1, "text"])
    assert good.result(timeout=900) == -1
    with pytest.raises(Exception, match="bad operand type for unary -"):
        bad.result(timeout=900)
    assert len(list(tmp_path.glob("*_submitted.pkl"))) == 2


def test_slurm_gets_one_array_with_its_limit(tmp_path, monkeypatch):
    """No Slurm here: what is handed to submitit's executor is looked at instead."""
    seen = {}

    class Executor:
        def __init__(self, folder, cluster):
            seen.update(folder=folder, cluster=cluster)

        def update_parameters(self, **parameters):
            seen.update(parameters)

        def map_array(self, task, runs):
            seen["runs"] = runs
            return [SimpleNamespace(done=lambda: True, result=lambda run=run: task(run)) for run in runs]

    monkeypatch.setattr(scheduler, "AutoExecutor", Executor)
    schedule = SubmititScheduler(abs, tmp_path, "slurm", 5, {"slurm_partition": "gpu", "timeout_min": 60})
    assert [job.done() for job in schedule.submit([-1, -2])] == [True, True]
    assert seen["runs"] == [-1, -2]
    assert (seen["slurm_array_parallelism"], seen["slurm_partition"], seen["timeout_min"]) == (5, "gpu", 60)
    assert schedule.submit([]) == []


def test_a_job_that_is_cut_off_is_queued_again():
    task = scheduler.ClusterTask(abs)
    again = task.checkpoint(-3)
    assert again.function is task
    assert again.args == (-3,)
    assert task(-3) == 3


@pytest.mark.slow
def test_two_tiny_runs_through_submitit(tiny, toy_dir, tmp_path, monkeypatch):
    """The bundle itself, in jobs of submitit: an option deep in the config, scores and costs picked up as JSON."""
    monkeypatch.chdir(ROOT)
    options = tuple((name, str(value)) for name, value in tiny.items() if name != "dataset_dir")
    methods = {
        "source_only": Method("source_only", "source-only", ("source_only.json",), options),
        "mani": Method("mani", "MaNi", (), (*options, ("adaptation_losses::mutual_information::weight", "0.1"))),
    }
    table = Table("plan", Path("bundles/mani_unet"), ("train.json",), (("toy_source", "toy_target"),), methods)
    make = RunMaker(table, str(toy_dir), tmp_path / "runs", tmp_path / "results", threads=1)
    runs = table.runs(1)
    assert TableRunner(make, SubmititScheduler(make, tmp_path / "submitit", "local", jobs=2))(runs) == []
    for run in runs:
        result = json.loads(make.result_path(run).read_text())
        assert set(result["scores"]) == {"plain"}
        assert result["training_seconds"] > 0
        assert result["peak_memory_mib"] > 100
    config = json.loads((make.folder(runs[1]) / "configs" / "train.json").read_text())
    assert config["adaptation_losses"]["mutual_information"]["weight"] == 0.1
