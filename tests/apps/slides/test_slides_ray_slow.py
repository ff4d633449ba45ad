"""Slides on a Ray of this machine: parts by actors are one run, and an actor that dies costs its open shard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dying_actor import DyingActor
from made_slides import dark_model, made_picture, write_slide

from mani_monai.apps.slides import slides_ray
from mani_monai.apps.slides.slides_cluster import run_on_cluster
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.utils import InputError

pytestmark = pytest.mark.slow
SUPPORT = Path(__file__).parents[2] / "support"
NAMES = ("nuclei.parquet", "a.geojson.gz", "summary.json", "tiles.csv")


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    slide = write_slide(folder / "a.svs", made_picture(700, 1100))
    return {"bundle": dark_model(), "slides": slide, "core": 64}


@pytest.fixture(scope="module")
def alone(options, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    run_slides(**options, out=out, progress=False)
    return bytes_of(out)


def bytes_of(out):
    return {name: (out / "a" / name).read_bytes() for name in NAMES}


@pytest.fixture(autouse=True)
def ray(monkeypatch):
    """Patience for a loaded machine, which Ray reads when it is imported, and what its processes import."""
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "300")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SUPPORT), str(SUPPORT.parents[1])]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return pytest.importorskip("ray", reason="ray is not installed: pip install 'mani-monai[ray]'")


def on_ray(options, out, jobs=2):
    return run_on_cluster({**options, "out": out}, "ray", jobs, {"num_cpus": 2, "object_store_memory": 2**27})


def test_actors_give_the_bytes_of_one_run(options, alone, tmp_path):
    (result,), failures = on_ray(options, tmp_path, 3)
    assert failures == []
    assert result.status == "done before"
    assert bytes_of(tmp_path) == alone


def test_an_actor_that_dies_is_started_again_and_goes_on(options, alone, tmp_path, monkeypatch):
    monkeypatch.setattr(slides_ray, "ShardActor", DyingActor)
    (result,), failures = on_ray(options, tmp_path / "out")
    assert failures == []
    assert (tmp_path / "died").exists()
    assert result.status == "done before"
    assert bytes_of(tmp_path / "out") == alone


def test_what_an_actor_raises_is_named(options, tmp_path):
    bad = {**options, "bundle": str(tmp_path / "none")}
    with pytest.raises(InputError, match="none"):
        on_ray(bad, tmp_path / "out")


def test_a_cluster_that_is_not_there_is_refused(options, tmp_path):
    with pytest.raises(InputError, match="--cluster ray: "):
        run_on_cluster({**options, "out": tmp_path}, "ray", 1, {"address": "127.0.0.1:1"})
