"""The benchmark of the metrics: that it runs, agrees and keeps what it promises."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from mani_monai.metrics import compute_instance_metrics

BENCHMARK = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "instance_metrics.py"))


@pytest.mark.parametrize("seed", range(3))
def test_a_loop_over_nuclei_gives_the_same_figures(seed):
    maps = BENCHMARK["synthetic_pair"](200, 40, seed)
    assert all(len(set(instances.flat)) > 30 for instances in maps)
    assert compute_instance_metrics(*maps) == pytest.approx(BENCHMARK["loop_over_nuclei"](*maps), abs=1e-12)


def test_the_benchmark_prints_its_figures(capsys):
    BENCHMARK["main"](size=100, nuclei=9, pairs=1, images=3, image_size=64)
    assert re.search(r"ratio \d+\n3 images of 64x64: \d+\.\d s", capsys.readouterr().out)


@pytest.mark.slow
def test_twenty_times_faster_than_the_loop_and_a_fold_within_a_minute(capsys):
    BENCHMARK["main"](pairs=3)
    ratio, seconds = re.search(r"ratio (\d+)\n2722 images of 256x256: (\S+) s", capsys.readouterr().out).groups()
    assert int(ratio) >= 20
    assert float(seconds) < 60
