"""Trainings of several processes that record what each of them holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from trainings import overrides

from mani_monai.config_index import find_config

REPOSITORY = Path(__file__).parents[2]

# written to a file of its own, since every rank imports it
RECORDER = '''
import os
from pathlib import Path

import torch
from ignite.engine import Events


class RankRecorder:
    """Saves what a rank holds after every iteration; dies where it is told to."""

    def __init__(self, network, adaptation, optimizer, folder):
        self.network, self.adaptation, self.optimizer = network, adaptation, optimizer
        self.folder, self.dies = Path(folder), int(os.environ.get("DIES_AFTER", 0))

    def attach(self, engine):
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine):
        self.folder.mkdir(parents=True, exist_ok=True)
        batch = {key: engine.state.batch[key] for key in ("image", "label", "target_image")}
        states = {name: getattr(self, name).state_dict() for name in ("network", "adaptation", "optimizer")}
        rank = os.environ.get("RANK", "0")
        path = self.folder / f"rank{rank}_{engine.state.iteration}.pt"
        torch.save({**states, "batch": batch, "empty": engine.state.output.get("empty_pairs")}, path)
        if engine.state.iteration == self.dies:
            os._exit(3)
'''


class RecordedTrainings:
    """Runs a bundle's train.json on several ranks of this machine, or without ranks, and records every iteration.

    Args:
        folder: receives a folder a training.
        bundle: name of the bundle.
        settings: overrides of every training.
    """

    def __init__(self, folder: Path, bundle: str, settings: dict[str, object]) -> None:
        self.folder = folder
        self.bundle = f"bundles/{bundle}"
        self.settings = settings
        (folder / "rank_recorder.py").write_text(RECORDER)
        recorder = {
            "_target_": "rank_recorder.RankRecorder",
            **{name: f"@{name}" for name in ("network", "adaptation", "optimizer")},
            "folder": "$@output_dir + '/ranks'",
        }
        (folder / "recorder.json").write_text(json.dumps({"+train::handlers": [recorder]}))

    def __call__(self, name: str, ranks: int, status: int = 0, dies: int = 0, **settings: object) -> Path:
        """Trains; ``ranks`` 0 is a plain process, ``status`` whether it is to fail, ``dies`` after which iteration."""
        start = [sys.executable, "-m"]
        if ranks:
            start += ["torch.distributed.run", "--standalone", "--nproc_per_node", str(ranks), "-m"]
        configs = [
            str(find_config(REPOSITORY / self.bundle, name))
            for name in ("train", *(["multi_gpu_train"] if ranks else []))
        ]
        configs.append(str(self.folder / "recorder.json"))
        options = overrides({**self.settings, **settings, "output_dir": self.folder / name})
        path = os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "tests" / "support", self.folder)))
        done = subprocess.run(
            [*start, "monai.bundle", "run", "--config_file", str(configs), *options],
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, "DIES_AFTER": str(dies)},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert (done.returncode != 0) is bool(status), done.stderr
        return self.folder / name


def recorded(folder: Path, rank: int, iteration: int) -> dict:
    """What a rank held after an iteration."""
    return torch.load(folder / "ranks" / f"rank{rank}_{iteration}.pt", weights_only=True)
