"""HoVer-Net's post-processing as a step of a bundle, and what it costs."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from warm_python import run_python

from mani_monai.transforms import HoVerNetInstancesd, hover_instances, instance_polygons, least_area, nuclei_table

REPOSITORY = Path(__file__).parents[2]
BENCHMARK = runpy.run_path(str(REPOSITORY / "benchmarks" / "post_processing.py"))
OUTPUT = BENCHMARK["made_output"](BENCHMARK["made_nuclei"](150))
PROBABILITY = BENCHMARK["probability_of"](OUTPUT)


def assert_same_table(first: dict, second: dict) -> None:
    assert list(first) == list(second)
    for name in first:
        np.testing.assert_allclose(first[name], second[name], atol=2e-5, err_msg=name)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor, MetaTensor, lambda o: torch.as_tensor(o).double()])
def test_instances_and_table_beside_the_output(kind):
    output = kind(OUTPUT)
    data = HoVerNetInstancesd()({"pred": output, "image": 1})
    assert set(data) == {"pred", "image", "instances", "nuclei"}
    assert data["pred"] is output
    instances = data["instances"]
    assert type(instances) is type(output)
    assert str(instances.dtype).endswith("int32")
    assert instances.shape == (1, 150, 150)
    expected = hover_instances(PROBABILITY, OUTPUT[2:4])
    assert expected.max() == 9
    np.testing.assert_array_equal(np.asarray(instances)[0], expected)
    assert_same_table(data["nuclei"], nuclei_table(expected, PROBABILITY, OUTPUT[4:]))


def test_metadata_of_the_output_stay():
    data = HoVerNetInstancesd()({"pred": MetaTensor(OUTPUT, meta={"filename_or_obj": "a.png"})})
    assert data["instances"].meta["filename_or_obj"] == "a.png"


def test_outlines_on_demand_and_instances_in_place_of_the_output():
    step = HoVerNetInstancesd("maps", instances_key="maps", table_key=None, polygons_key="outlines")
    data = step({"maps": OUTPUT})
    assert set(data) == {"maps", "outlines"}
    assert data["maps"].shape == (1, 150, 150)
    expected = instance_polygons(data["maps"][0])
    assert list(data["outlines"]) == list(expected)
    np.testing.assert_array_equal(data["outlines"][5][0][0], expected[5][0][0])


def test_without_types_the_table_has_none():
    table = HoVerNetInstancesd()({"pred": OUTPUT[:4]})["nuclei"]
    assert "type" not in table
    assert "probability_margin" in table


def test_settings_reach_the_instances_and_the_table():
    settings = {"threshold": 0.7, "kernel_size": 5, "border_threshold": 0.5, "radius": 3}
    data = HoVerNetInstancesd(**settings, min_size=1, tile=60)({"pred": OUTPUT})
    expected = hover_instances(PROBABILITY, OUTPUT[2:4], **settings, tile=60)
    np.testing.assert_array_equal(data["instances"][0], expected)
    assert_same_table(data["nuclei"], nuclei_table(expected, PROBABILITY, OUTPUT[4:], threshold=0.7))
    assert (expected != HoVerNetInstancesd()({"pred": OUTPUT})["instances"][0]).any()


def test_a_nucleus_below_the_least_area_is_none():
    areas = HoVerNetInstancesd(min_size=1)({"pred": OUTPUT})["nuclei"]["area"]
    limit = int(areas.min()) + 1
    assert HoVerNetInstancesd().min_size == least_area() < limit
    data = HoVerNetInstancesd(min_size=limit)({"pred": OUTPUT})
    np.testing.assert_array_equal(data["nuclei"]["area"], areas[areas >= limit])
    assert list(data["nuclei"]["id"]) == list(range(1, data["instances"].max() + 1))


def test_half_precision_on_a_blank_tile_with_a_gradient_attached():
    output = torch.zeros(4, 30, 40, dtype=torch.bfloat16, requires_grad=True)
    data = HoVerNetInstancesd(threshold=0.6)({"pred": output})
    assert not data["instances"].any()
    assert not data["instances"].requires_grad
    assert len(data["nuclei"]["id"]) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keys": ["a", "b"]}, r"keys must be one key, got \('a', 'b'\)"),
        ({"kernel_size": 20}, "kernel_size must be odd and >= 3, got 20"),
        ({"tile": -5}, "tile must be >= 1, got -5"),
    ],
)
def test_settings_are_checked_at_construction(settings, message):
    with pytest.raises(ValueError, match=message):
        HoVerNetInstancesd(**settings)


@pytest.mark.parametrize("shape", [(3, 9, 9), (9, 9), (1, 4, 9, 9)])
def test_the_output_is_checked(shape):
    with pytest.raises(ValueError, match=r"pred must be CHW with at least 4 channels, got shape \("):
        HoVerNetInstancesd()({"pred": np.zeros(shape)})


def test_the_files_run_alone_beside_stock_monai(tmp_path):
    """An exported bundle takes them along in its scripts folder."""
    folder = REPOSITORY / "mani_monai" / "transforms"
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "__init__.py").touch()
    names = ("hover_postprocessing", "hover_instances", "hover_borders", "holes")
    names += ("nuclei_table", "nuclei_shapes", "nucleus", "polygons")
    for name in names:
        (tmp_path / "scripts" / f"{name}.py").write_text((folder / f"{name}.py").read_text())
    code = (
        "import sys; sys.modules['mani_monai'] = None; import numpy as np\n"
        "from scripts.hover_postprocessing import HoVerNetInstancesd\n"
        "data = HoVerNetInstancesd(polygons_key='outlines')({'pred': np.load('output.npy')})\n"
        "print(data['instances'].max(), len(data['nuclei']['id']), len(data['outlines']))"
    )
    np.save(tmp_path / "output.npy", OUTPUT)
    finished = run_python(["-c", code], tmp_path, os.environ)
    assert finished.stdout.split() == ["9"] * 3, finished.stderr


# the benchmark


def test_the_benchmark_prints_its_figures(capsys):
    BENCHMARK["main"](sizes=[100, 200], monai_sizes=[100], repeats=1)
    printed = capsys.readouterr().out
    assert len(re.findall(r"\d+ nuclei: watershed \S+ s, ours \S+ s", printed)) == 2
    assert len(re.findall(r"MONAI \S+ s, \d+ times ours", printed)) == 1
    assert re.search(r"4\.00 times the area takes \S+ times the time", printed)


def test_made_nuclei_touch_and_are_cut():
    instances = BENCHMARK["made_nuclei"](1000)
    assert len(np.unique(instances)) == 577
    assert 0.2 < (instances > 0).mean() < 0.35
    assert instances[0].any()
    touching = (instances[1:] != instances[:-1]) & (instances[1:] > 0) & (instances[:-1] > 0)
    assert touching.sum() > 150


@pytest.mark.slow
def test_linear_within_four_watersheds_and_fifty_times_faster_than_monai(capsys):
    BENCHMARK["main"](sizes=[1000, 3000], monai_sizes=[3000])
    printed = capsys.readouterr().out
    ratios = re.findall(r"(\S+) times the watershed", printed)
    assert len(ratios) == 2
    assert all(float(ratio) <= 4 for ratio in ratios)
    assert int(re.search(r"(\d+) times ours", printed)[1]) >= 50
    assert float(re.search(r"9\.00 times the area takes (\S+) times", printed)[1]) <= 11
