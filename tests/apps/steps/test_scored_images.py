"""An evaluation says which images it scored, why not the others, and what scores them all."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mani_monai.apps.steps.scored_images import scored_images
from mani_monai.run.run_folder import SAID


@pytest.fixture
def folders(tmp_path):
    """Makes a run and its evaluation of a prepared target, from the names in each part."""

    def make(training: list[str], validation: list[str], test: list[str]):
        place = tmp_path / "data" / "nine"
        (place / "images").mkdir(parents=True)
        parts = {"training": training, "validation": validation, "test": test}
        for name in (*training, *validation, *test):
            Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(place / "images" / f"{name}.png")
        lists = {part: [{"image": f"images/{name}.png"} for name in names] for part, names in parts.items()}
        (place / "target_split_0.json").write_text(json.dumps({"name": "nine", **lists}))
        (place / "dataset.json").write_text(json.dumps({"name": "nine"}))
        run, scores = tmp_path / "run", {"dice": dict.fromkeys(test, 0.5), "dice_mean": 0.5, "dice_std": 0.0}
        (run / "configs").mkdir(parents=True)
        config = {**dict.fromkeys(SAID, "nine"), "dataset_dir": str(tmp_path / "data")}
        (run / "configs" / "train.json").write_text(json.dumps(config))
        (run / "evaluation").mkdir()
        facts = {"target": "nine", "split": "split_0", "selections": {"last": scores}}
        (run / "evaluation" / "metrics.json").write_text(json.dumps(facts))
        return run, run / "evaluation"

    return make


def test_one_of_nine(folders):
    assert scored_images(*folders([f"a{i}" for i in range(7)], ["b"], ["c"])) == (
        "scored: c, the test part of split_0 of nine; 8 other images are in its training and validation parts\n"
        "mani adapt --check IMAGES --masks MASKS scores every image that you labelled"
    )


def test_many_are_counted_and_an_empty_part_is_none(folders):
    assert scored_images(*folders(["a"], [], [f"c{i}" for i in range(7)])).startswith(
        "scored: c0, c1, c2, c3, c4 and 2 more, the test part of split_0 of nine; 1 other image is in its training"
    )


def test_all(folders):
    assert scored_images(*folders([], [], ["c"])) == "scored: c, the test part of split_0 of nine"


def test_several_targets_are_a_list(folders):
    run, evaluation = folders(["a"], [], ["c"])
    data = run.parent / "data"
    shutil.copytree(data / "nine", data / "ten")
    for path in (run / "configs" / "train.json", evaluation / "metrics.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "target": ["nine", "ten"]}))
    assert scored_images(run, evaluation).startswith("scored: c, the test part of split_0 of nine and ten; 3 other")
