"""Finished runs of a small plan, and the rows that they give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mani_monai.experiments import Method, Table
from mani_monai.experiments.rows import collect_rows

METHODS = {
    "source_only": Method("source_only", "source-only", adabn=True),
    "target_statistics": Method("target_statistics", "control"),
    "mani": Method("mani", "MaNi", adabn=True, control="target_statistics"),
}
DICE = {  # method, evaluation: Dice of seed 0's images x and y, of seed 1's image z
    ("source_only", "plain"): (0.4, 0.6, 0.5),
    ("source_only", "adabn"): (0.5, 0.7, 0.6),
    ("target_statistics", "plain"): (0.45, 0.65, 0.55),
    ("mani", "plain"): (0.6, 0.8, 0.7),
    ("mani", "adabn"): (0.6, 0.8, 0.9),
}


TISSUES = {"x": "colon", "y": "liver", "z": "liver"}


@pytest.fixture
def finished(tmp_path):
    """The runs of two seeds and the folder of their results: Dice, and a PQ of half of it that image y has none of."""
    table = Table("plan", Path("bundle"), ("train.json",), (("a", "b"),), METHODS)
    runs = table.runs(seeds=2)
    for run in runs:
        scores = {}
        for (method, evaluation), (x, y, z) in DICE.items():
            if method == run.method.name:
                dice = {"x": x, "y": y} if run.seed == 0 else {"z": z}
                pq = {image: None if image == "y" else score / 2 for image, score in dice.items()}
                better = {image: score + 0.1 for image, score in dice.items()}
                scores[evaluation] = {"last": {"dice": dice, "pq": pq}, "oracle": {"dice": better, "pq": pq}}
        result = {"seed": run.seed, "training_seconds": 120, "tissues": TISSUES, "scores": scores}
        (tmp_path / f"{run.name}.json").write_text(json.dumps(result))
    return runs, tmp_path


@pytest.fixture
def rows(finished):
    return collect_rows(*finished)
