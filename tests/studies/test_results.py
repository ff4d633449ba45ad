"""Results as tidy tables: nothing is lost on the way there and back, and runs' JSON is taken up once."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from studies import results
from studies.results import read_folder, read_result, table_names, take_up, write_results

FOLDER = Path(__file__).parents[2] / "studies" / "results"


def scored(**images):
    values = [value for value in images.values() if value is not None]
    return {"dice_mean": float(np.mean(values)), "dice_std": float(np.std(values)), "dice": images}


@pytest.fixture
def result():
    """A run that recorded everything, with an image that has no score and a part that no table knows."""
    snapshots = [
        {"weights": name, "label_free": {"stain": 0.5 / 3, "entropy": None}, "test": {"dice": dice}}
        for name, dice in (("model.pt", 0.7), ("snapshots/iteration_000010.pt", None))
    ]
    last = {"weights": "model.pt", "digest": "00ff", **scored(x=0.1 + 0.2, y=None, z=1.0)}
    last["counts"] = {name: [3.0, 1.0, 2.0, 2.25] for name in ("x", "y", "z")}
    return {
        **{"source": "a", "target": "2024", "method": "mani", "seed": 1, "split": "fold_1"},
        **{"configs": ["train.json", "small.json"], "options": {"warmup": "0"}, "target_labels_train": False},
        **{"training_seconds": 61, "training_cpu_seconds": 55, "peak_memory_mib": 812, "sessions": 2, "threads": 1},
        **{"device": "CPU, of a kind", "versions": {"torch": "2.13.0", "monai": "1.6.1"}},
        "note": ["something", "else"],
        "tissues": {"x": "breast", "y": "liver", "z": "breast"},
        "scores": {
            "plain": {"last": last, "label_free": {"weights": "model.pt", "digest": "00ff", **scored(x=0.5)}},
            "adabn": {"last": {"weights": "model.pt", "dice_mean": 0.25}},
        },
        "snapshots": {"plain": snapshots},
        "label_free": {"plain": {"criterion": "stain", "images": 8}},
    }


def test_a_result_comes_back_as_it_was(result, tmp_path):
    write_results({("unet", "one"): result}, tmp_path)
    assert read_result(tmp_path / "unet", "one") == result
    assert read_result(tmp_path / "unet", "two") is None
    assert read_result(tmp_path / "other", "one") is None


def test_an_old_result_lacks_what_it_did_not_record(tmp_path):
    old = {"source": "a", "target": "b", "method": "m", "seed": 0, "split": "fold_0", "configs": ["train.json"]}
    old |= {"target_labels_train": True, "training_seconds": 60}
    old["scores"] = {"plain": {"last": {"weights": "model.pt", **scored(x=0.5)}}}
    write_results({("unet", "old"): old}, tmp_path)
    assert read_result(tmp_path / "unet", "old") == {**old, "tissues": {}, "snapshots": {}, "label_free": {}}


def test_the_tables_are_tidy(result, tmp_path):
    """A row a run; a row a run, evaluation, selection, metric and image."""
    write_results({("unet", "one"): result, ("unet", "two"): result}, tmp_path)
    rows = {name: list(csv.DictReader((tmp_path / f"{name}.csv").open())) for name in results.COLUMNS}
    assert [row["run"] for row in rows["runs"]] == ["one", "two"]
    assert len(rows["selections"]) == 2 * 3
    assert len(rows["scores"]) == 2 * (3 * 5 + 1)
    assert rows["scores"][0]["score"] == "0.30000000000000004"
    assert rows["scores"][0]["tissue"] == "breast"
    assert rows["scores"][1]["score"] == ""
    assert {row["metric"] for row in rows["scores"]} == {"dice", *results.COUNTS}
    assert rows["snapshots"][0]["label_free.stain"] == repr(0.5 / 3)


def test_what_a_run_left_counts_before_and_after_it_is_taken_up(result, tmp_path):
    write_results({("unet", "one"): result}, tmp_path)
    newer = {**result, "seed": 2}
    (tmp_path / "unet").mkdir()
    for name, content in (("one", newer), ("two", result)):
        (tmp_path / "unet" / f"{name}.json").write_text(json.dumps(content))
    for _ in range(2):
        assert read_result(tmp_path / "unet", "one")["seed"] == 2
        assert list(read_folder(tmp_path / "unet")) == ["one", "two"]
        assert table_names(tmp_path) == ["unet"]
        take_up(tmp_path)
    assert list(tmp_path.rglob("*.json")) == []


def test_the_tables_of_a_folder_below_are_left_alone(result, tmp_path):
    write_results({("unet", "one"): result}, tmp_path)
    (tmp_path / "gpu").mkdir()
    write_results({("unet", "two"): result}, tmp_path / "gpu")
    (tmp_path / "gpu" / "page.json").write_text("{}")
    assert take_up(tmp_path) == []
    assert read_folder(tmp_path / "gpu" / "unet").keys() == {"two"}


@pytest.mark.parametrize("folder", [FOLDER, FOLDER / "gpu"], ids=["cpu", "gpu"])
def test_the_tables_of_the_repository_hold_all_there_is(folder, tmp_path):
    """Written anew they are the same bytes, and no run left a JSON beside them."""
    found = {
        (table, run): result for table in table_names(folder) for run, result in read_folder(folder / table).items()
    }
    assert len(found) >= 27
    write_results(found, tmp_path)
    for name in results.COLUMNS:
        assert (tmp_path / f"{name}.csv").read_bytes() == (folder / f"{name}.csv").read_bytes()
    assert list(folder.glob("*/*.json")) == []
