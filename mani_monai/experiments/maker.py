"""Makes one run: trains it, scores it, and leaves one small JSON."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..utils import InputError
from .launcher import Launcher
from .machine import device_name, usable_cores, versions
from .plan import PLAIN, Run, Table
from .run_config import config_files, run_overrides, write_resolved_config

DONE, FAILED, BUSY = "done", "failed", "busy"


@dataclass(frozen=True)
class RunMaker:
    """Makes a run in a folder of its own; a scheduler calls it in a thread, or pickles it for another machine.

    A finished run leaves ``results_dir/<run>.json``. A killed one resumes from its last checkpoint in
    ``work_dir/<run>``, where its resolved config, its logs and scores lie, too. Two processes never make the same run:
    a lock is held for as long as any process of the run lives.

    Args:
        table: the plan.
        dataset_dir: folder of the prepared data sets.
        work_dir: receives one folder a run.
        results_dir: receives one small JSON a finished run.
        threads: of each training; all cores that its process may use where None.
        launcher: what starts the processes.
    """

    table: Table
    dataset_dir: str
    work_dir: Path
    results_dir: Path
    threads: int | None = None
    launcher: Launcher = field(default_factory=Launcher)

    def folder(self, run: Run) -> Path:
        """Where a run's weights, logs and scores lie."""
        return self.work_dir / run.name

    def result_path(self, run: Run) -> Path:
        """Where a finished run leaves its scores."""
        return self.results_dir / f"{run.name}.json"

    def is_done(self, run: Run) -> bool:
        """Whether a run is finished; evaluations that it was not asked for at its time do not count.

        Raises:
            InputError: when a run of this name was made with other configs or options, say of another table.
        """
        path = self.result_path(run)
        if not path.exists():
            return False
        result, asked = json.loads(path.read_text()), self._identity(run)
        made = {name: result.get(name, value) for name, value in asked.items()}
        if made != asked:
            raise InputError(f"{path}: is of a run with {made}, not {asked}: give the method another name.")
        return True

    def __call__(self, run: Run, gpu: str | None = None) -> str:
        """Trains what is left to train, and scores.

        Args:
            run: the run.
            gpu: the only one that it may see, as CUDA_VISIBLE_DEVICES names it; all of them where None.

        Returns:
            "done"; "failed", its logs say why; or "busy", another process is making it.
        """
        self.folder(run).mkdir(parents=True, exist_ok=True)
        with open(self.folder(run) / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return BUSY
            return self._make(run, gpu, lock.fileno())

    def _make(self, run: Run, gpu: str | None, lock: int) -> str:
        if self.is_done(run):
            return DONE
        folder = self.folder(run)
        write_resolved_config(self.table, run, self.dataset_dir, folder)
        if not self._bundle(run, "train", [], {"resume": "True"}, gpu, lock):
            return FAILED
        metrics = {}
        for name in (PLAIN, *run.method.evaluations):
            overlays = ["evaluate.json", *([] if name == PLAIN else [f"{name}.json"])]
            out = folder / f"evaluation_{name}"
            if not self._bundle(run, out.name, overlays, {"evaluation_dir": str(out)}, gpu, lock):
                return FAILED
            metrics[name] = json.loads((out / "metrics.json").read_text())
        self._write(run, metrics, gpu)
        return DONE

    def _write(self, run: Run, metrics: dict[str, dict[str, Any]], gpu: str | None) -> None:
        sessions = self._sessions(run, "train")
        result = {
            "source": run.source,
            "target": run.target,
            "method": run.method.name,
            "seed": run.seed,
            "split": run.split,
            **self._identity(run),
            "target_labels_train": run.method.supervised,
            "training_seconds": round(sum(session["seconds"] for session in sessions)),
            "training_cpu_seconds": round(sum(session["cpu_seconds"] for session in sessions)),
            "peak_memory_mib": round(max(session["peak_memory_mib"] for session in sessions)),
            "sessions": len(sessions),
            "threads": self._threads(),
            "device": device_name(gpu),
            "versions": versions(),
            "tissues": metrics[PLAIN].get("tissues", {}),
            "scores": {name: found["selections"] for name, found in metrics.items()},
            "snapshots": {name: found.get("snapshots", []) for name, found in metrics.items()},
        }
        self.results_dir.mkdir(parents=True, exist_ok=True)
        part = self.result_path(run).with_suffix(".part")
        part.write_text(json.dumps(result, indent=1) + "\n")
        part.replace(self.result_path(run))

    def _identity(self, run: Run) -> dict[str, Any]:
        return {"configs": [*self.table.base, *run.method.overlays], "options": dict(run.method.options)}

    def _threads(self) -> int:
        return self.threads or usable_cores()

    def _bundle(
        self, run: Run, step: str, overlays: Sequence[str], options: dict[str, str], gpu: str | None, lock: int
    ) -> bool:
        folder = self.folder(run)
        command = [sys.executable, "-m", "monai.bundle", "run"]
        command += ["--config_file", str(config_files(self.table, run, overlays))]
        for name, value in {**run_overrides(run, self.dataset_dir, folder), **options}.items():
            command += [f"--{name}", value]
        environment = {**os.environ, "OMP_NUM_THREADS": str(self._threads())}
        if gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpu
        usage = self.launcher(command, folder / f"{step}.log", environment, [lock])
        sessions = [*self._sessions(run, step), asdict(usage)]
        (folder / f"{step}_usage.json").write_text(json.dumps(sessions, indent=1) + "\n")
        return usage.status == 0

    def _sessions(self, run: Run, step: str) -> list[dict[str, float]]:
        """What each process of a step used; a training that was killed has several."""
        path = self.folder(run) / f"{step}_usage.json"
        return json.loads(path.read_text()) if path.exists() else []
