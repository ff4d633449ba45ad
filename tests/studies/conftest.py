"""Finished runs of a small plan and the rows that they give; a plan to run, and a bundle that only pretends to."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from mani_monai.run.launching import Usage
from studies import Method, RunMaker, Table
from studies.rows import collect_rows

METHODS = {
    "source_only": Method("source_only", "source-only", evaluations=("adabn",)),
    "target_statistics": Method("target_statistics", "control"),
    "mani": Method("mani", "MaNi", evaluations=("adabn",), control="target_statistics"),
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
        seconds = 300 if run.method.name == "mani" else 120
        result = {"seed": run.seed, "training_seconds": seconds, "tissues": TISSUES, "scores": scores}
        if run.seed == 1:  # older runs did not record it
            result |= {"peak_memory_mib": 1536, "training_cpu_seconds": seconds * 2}
        (tmp_path / f"{run.name}.json").write_text(json.dumps(result))
    return runs, tmp_path


@pytest.fixture
def rows(finished):
    return collect_rows(*finished)


def write_weights(folder):
    """What a finished training leaves."""
    for name in ("snapshots/iteration_000001.pt", "models/model.pt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


class FakeLauncher:
    """Stands in for the processes of ``python -m monai.bundle run``: keeps the commands, writes a training's weights
    and an evaluation's scores, which are ``dice``; snapshots are scored where there are any.

    A command whose output folder holds ``failing``, or whose step is ``failing``, fails; a training then has got as far
    as a checkpoint.
    """

    def __init__(self) -> None:
        self.failing = ""
        self.dice = 0.5
        self.memory = 700.0
        self.commands: list[dict] = []

    def __call__(self, command, log, environment, inherit=()):
        assert command[1:4] == ["-m", "monai.bundle", "run"]
        options = dict(zip(command[4::2], command[5::2], strict=True))
        files = [Path(name).name for name in ast.literal_eval(options["--config_file"])]
        gpus = environment.get("CUDA_VISIBLE_DEVICES")
        threads = environment["OMP_NUM_THREADS"]
        self.commands.append({**options, "files": files, "threads": threads, "gpus": gpus, "inherit": list(inherit)})
        run = Path(options["--output_dir"])
        if "--evaluation_dir" not in options:
            (run / "checkpoint.pt").touch()
        if self.failing and (self.failing in str(run) or self.failing == Path(log).stem):
            return Usage(1, 100, 150, self.memory)
        if "--evaluation_dir" in options:
            folder = Path(options["--evaluation_dir"])
            folder.mkdir(parents=True, exist_ok=True)
            metrics = {"selections": {"last": {"dice": {"x": self.dice}}}, "tissues": {"x": "colon"}}
            if list(run.glob("snapshots/*.pt")):
                metrics["label_free"] = {"criterion": "stain", "images": 8, "note": "choose nothing"}
                metrics["snapshots"] = [{"weights": "snapshots/iteration_000001.pt"}]
            (folder / "metrics.json").write_text(json.dumps(metrics))
        else:
            write_weights(run)
        return Usage(0, 100, 150, self.memory)

    def stop(self) -> None:
        pass


@pytest.fixture
def fake():
    return FakeLauncher()


@pytest.fixture
def table(tmp_path):
    """A plan of two methods on one shift, with the configs that it names."""
    configs = tmp_path / "bundle" / "configs"
    configs.mkdir(parents=True)
    names = ("bundle_root", "dataset_dir", "source", "target", "split", "seed", "output_dir")
    (configs / "train.json").write_text(json.dumps({**dict.fromkeys(names, ""), "width": 1}))
    (configs / "small.json").write_text(json.dumps({"width": 4}))
    (configs / "source_only.json").write_text("{}")
    (configs / "evaluate.json").write_text(json.dumps({"images": 8, "label_free_images": "$@images + 0"}))
    (configs / "adabn.json").write_text("{}")
    methods = {
        "source_only": Method("source_only", "source-only", ("source_only.json",), evaluations=("adabn",)),
        "supervised": Method("supervised", "supervised", ("source_only.json",), (("width", "8"),), supervised=True),
    }
    return Table("plan", tmp_path / "bundle", ("train.json", "small.json"), (("a", "b"),), methods)


@pytest.fixture
def make(table, fake, tmp_path):
    """Makes runs of the plan with processes that only pretend to."""
    return RunMaker(table, "data", tmp_path / "runs", tmp_path / "results", 2, fake)


@pytest.fixture
def run(table):
    """The source-only run of seed 0."""
    return next(run for run in table.runs(1) if run.method.name == "source_only")
