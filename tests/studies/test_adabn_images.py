"""The study of what AdaBN does to images: values by hand, a run with weights that are no training's, and its page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from monai.networks.nets import BasicUNet

from mani_monai.data.datalists import load_target_list
from studies import Method, Table, adabn
from studies.adabn import DEPTHS, NONE, image_distances, run_figures, study_table, write_adabn_study
from studies.records import read_records

TINY = {"features": "[4,4,4,4,4,4]", "batch_size": "2", "crop_size": "32", "precision": "float32"}
BUNDLE = Path(__file__).parents[2] / "bundles" / "mani_unet"


def distances(*pairs: tuple[float, float]) -> dict:
    """Of images a, b, c ...: the same at every depth."""
    return {
        name: {"before": dict.fromkeys(DEPTHS, before), "after": dict.fromkeys(DEPTHS, after)}
        for name, (before, after) in zip("abcdef", pairs, strict=False)
    }


@pytest.mark.parametrize(("after", "rho"), [((0.6, 0.7, 0.8), 1), ((0.8, 0.7, 0.6), -1)])
def test_images_that_come_nearer_gain_or_lose(after, rho):
    """They come nearer by 0.1, 0.2 and 0.4."""
    found = run_figures(
        distances((0.5, 0.4), (0.5, 0.3), (0.6, 0.2)),
        dict.fromkeys("abc", 0.5),
        dict(zip("abc", after, strict=True)),
    )
    assert found["images"] == 3
    assert found["gain"] == pytest.approx(0.2)
    for depth in DEPTHS:
        assert found["before"][depth] == pytest.approx(1.6 / 3)
        assert found["after"][depth] == pytest.approx(0.3)
        assert found["correlation"][depth] == pytest.approx(rho)


def test_two_images_have_no_rank_correlation_and_unscored_ones_no_part():
    found = run_figures(distances((1, 0.5), (1, 0.5), (9, 9)), {"a": 0.5, "b": 0.5, "c": None}, {"a": 0.6, "b": 0.8})
    assert (found["images"], found["gain"]) == (2, pytest.approx(0.2))
    assert set(found["correlation"].values()) == {None}
    assert found["before"]["encoder"] == 1


@pytest.fixture
def table():
    method = Method("source_only", "source-only", ("source_only.json",), tuple(TINY.items()), ("adabn",))
    return Table("plan", BUNDLE, ("train.json",), (("toy_source", "toy_target"),), {"source_only": method})


@pytest.fixture
def run(table):
    return table.runs(1)[0]


@pytest.fixture
def work_dir(run, tmp_path):
    """Snapshots of a training, of which the later two are averaged, and its last weights; statistics are far off."""
    folder = tmp_path / "runs" / run.name
    for part in ("snapshots", "models"):
        (folder / part).mkdir(parents=True)
    for seed, name in enumerate(
        (*(f"snapshots/iteration_00000{number}.pt" for number in (1, 2, 3)), "models/model.pt")
    ):
        torch.manual_seed(seed)
        network = BasicUNet(2, 3, 2, (4,) * 6, norm="BATCH", act="RELU")
        state = network.state_dict()
        moved = {key: value + 5 if key.endswith("running_mean") else value for key, value in state.items()}
        torch.save(moved, folder / name)
    return folder.parent


def write_results(run, toy_dir, folder, selections=("last", "average")) -> None:
    images = [Path(item["image"]).stem for item in load_target_list(str(toy_dir), run.target, run.split, "test")]
    scores = {
        evaluation: {name: {"dice": dict.fromkeys(images, dice)} for name in selections}
        for evaluation, dice in (("plain", 0.5), ("adabn", 0.75))
    }
    folder.mkdir(exist_ok=True)
    (folder / f"{run.name}.json").write_text(json.dumps({"seed": 0, "scores": scores}))


def test_adabn_brings_statistics_nearer_that_were_far_off(table, run, work_dir, toy_dir):
    found = image_distances(table, run, str(toy_dir), work_dir / run.name, batches=4)
    assert len(found) == len(load_target_list(str(toy_dir), run.target, run.split, "test"))
    for parts in found.values():
        assert all(parts["after"][depth] < 1.5 < 4 < parts["before"][depth] for depth in ("encoder", "bottleneck"))


def test_finished_runs_are_studied_once_and_written(table, run, work_dir, toy_dir, tmp_path, monkeypatch):
    def study():
        return study_table(table, ["source_only"], str(toy_dir), str(work_dir), str(tmp_path / "results"), 1, 2)

    assert study() == {}  # no scores yet
    write_results(run, toy_dir, tmp_path / "results", selections=("last",))
    assert study() == {}  # none of the averages
    write_results(run, toy_dir, tmp_path / "results")
    found = study()
    assert list(found) == [run.name]
    assert found[run.name]["gain"] == pytest.approx(0.25)
    facts = {"shift": "toy_source__toy_target", "seed": 0, "method": "source-only"}
    assert {name: found[run.name][name] for name in facts} == facts

    monkeypatch.setattr(adabn, "image_distances", lambda *_: pytest.fail("made again"))
    assert study() == found

    page = tmp_path / "page.md"
    page.write_text("prose\n<!-- tables -->\nold\n<!-- /tables -->\nafter\n")
    text = write_adabn_study(found, page, tmp_path / "page.csv")
    assert page.read_text() == f"prose\n<!-- tables -->\n{text}\n<!-- /tables -->\nafter\n"
    assert f"| toy_source → toy_target, 0 | {found[run.name]['images']} | +0.250 | " in text
    (written,) = read_records(tmp_path / "page.csv")
    assert (written["run"], written["gain"]) == (run.name, "0.25")
    assert float(written["before.encoder"]) == pytest.approx(found[run.name]["before"]["encoder"], abs=1e-5)
    assert write_adabn_study({}, page, tmp_path / "none.csv") == NONE
    assert not (tmp_path / "none.csv").exists()


def test_the_median_stands_below_the_shifts(tmp_path):
    runs = {
        name: {"shift": "a__b", "seed": 0, "method": "m"} | run_figures(distances((1, after)), {"a": 0.5}, {"a": dice})
        for name, after, dice in (("one", 0.2, 0.6), ("two", 0.4, 0.7), ("three", 0.9, 0.4))
    }
    last = write_adabn_study(runs, tmp_path / "page.md", tmp_path / "page.csv").splitlines()[-1]
    assert last == "| **median** (images: sum) | 3 | +0.100 | 1.00, 0.40 | 1.00, 0.40 | 1.00, 0.40 |  |  |  |"
