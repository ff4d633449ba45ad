"""Slides as jobs of a cluster: parts of the work, failed jobs, and what they leave to the same command."""

from __future__ import annotations

import os

import pytest
from made_slides import dark_model, made_picture, write_slide

from mani_monai.apps.slides import slides_cluster
from mani_monai.apps.slides.slides_cluster import run_on_cluster
from mani_monai.apps.slides.slides_command import slides
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.utils import InputError


class Job:
    def __init__(self, task, shard):
        self.task, self.shard = task, shard

    def done(self):
        return True

    def result(self):
        if self.shard.startswith("1/"):
            raise RuntimeError("Job failed\n\ndevice 3 is gone")
        return self.task(self.shard)


class Executor:
    """Runs jobs here, when their result is asked for; the second one fails."""

    def map_array(self, task, shards):
        self.jobs = [Job(task, shard) for shard in shards]
        return self.jobs


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    return write_slide(tmp_path_factory.mktemp("slides") / "a.svs", made_picture(500, 620))


def bytes_of(out):
    return {name: (out / "a" / name).read_bytes() for name in ("nuclei.parquet", "a.geojson.gz", "summary.json")}


def test_parts_are_one_run_and_a_failed_job_costs_its_shards(slide, tmp_path, monkeypatch):
    monkeypatch.setattr("mani_monai.apps.slides.tile_grid.SHARD", 2)
    executor = Executor()
    monkeypatch.setattr(slides_cluster, "_executor", lambda *options: executor)
    options = {"bundle": dark_model(), "slides": slide, "out": tmp_path / "many", "core": 128}
    (result,), failures = run_on_cluster(options, "slurm", 3)
    assert [job.shard for job in executor.jobs] == ["0/3", "1/3", "2/3"]
    assert failures == [f"job 1/3: failed (device 3 is gone); its log is in {tmp_path / 'many' / '_cluster'}."]
    assert result.status == "unfinished"
    monkeypatch.setattr(Job, "result", lambda job: job.task(job.shard))
    (result,), failures = run_on_cluster(options, "slurm", 3)
    assert failures == []
    assert result.status in ("done", "done before")
    run_slides(**{**options, "out": tmp_path / "one"}, progress=False)
    assert bytes_of(tmp_path / "many") == bytes_of(tmp_path / "one")


class Vanished(Job):
    job_id = "7_0"

    def done(self):
        return False


@pytest.mark.parametrize(
    ("program", "is_gone"),
    [("exit 0", True), ("echo 7_0 R", False), ("echo Invalid job id specified >&2; exit 1", True), ("exit 1", False)],
)
def test_a_job_that_left_the_queue_without_a_result_is_not_waited_for(tmp_path, monkeypatch, program, is_gone):
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\n{program}\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert slides_cluster._has_left("7_0") is is_gone
    if is_gone:
        monkeypatch.setattr(slides_cluster, "GRACE", 0)
        with pytest.raises(RuntimeError, match="left the queue without a result"):
            slides_cluster._wait(Vanished(None, "0/1"), "slurm")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("pbs", 2, None), "--cluster pbs: no such scheduler here; there are slurm, local, ray, and --shard"),
        (("ray", 0, None), "--jobs 0: write how many jobs"),
        (("local", 0, None), "--jobs 0: write how many jobs"),
        (("local", True, None), "--jobs True: write how many jobs"),
        (("local", 1, {"nodez": 1}), "--cluster local: .*nodez"),
    ],
)
def test_what_cannot_be_is_refused(slide, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        run_on_cluster({"out": tmp_path}, *options)


@pytest.mark.parametrize(("options", "word"), [({"jobs": 4}, "--jobs 4"), ({"cluster_options": {}}, "--cluster_opt")])
def test_options_of_a_cluster_need_one(options, word, tmp_path):
    with pytest.raises(InputError, match=rf"^{word}.*: is of a cluster; name one with --cluster"):
        slides("x", "y", str(tmp_path), **options)


def test_slides_in_subfolders_are_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("mani_monai.apps.slides.slides_run.run_slides", lambda **options: [])
    (tmp_path / "slides" / "week").mkdir(parents=True)
    (tmp_path / "slides" / "week" / "b.svs").touch()
    assert slides("x", str(tmp_path / "slides"), str(tmp_path / "out")) == 0
    said = "left out: 1 slide file in week (1): subfolders are not searched; name one with --slides."
    assert capsys.readouterr().out.splitlines()[0] == said
