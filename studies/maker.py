"""Makes one run: trains it, scores it, and leaves one small JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mani_monai.run.bundle_training import BundleTraining
from mani_monai.run.launching import (
    UNKNOWN,
    Launcher,
    StepRunner,
    read_sessions,
    run_lock,
    training_figures,
    write_sessions,
)
from mani_monai.run.run_folder import (
    SNAPSHOTS,
    check_same_config,
    evaluation_folder,
    finished_metrics,
    has_snapshots,
    is_begun,
    is_trained,
    write_config,
)
from mani_monai.utils import InputError
from mani_monai.utils.json_files import save_json
from mani_monai.utils.machine import device_name, usable_cores, versions
from studies.plan import PLAIN, Run, Table
from studies.results import read_result
from studies.run_config import bundle_training, evaluation_overlays, label_free_images, overlay_paths

CHOICE = "label_free"
"""Key of what chose among the snapshots: the criterion, and the number of images."""
PARTS = {SNAPSHOTS: "snapshots", CHOICE: "what chose among the snapshots"}
"""Parts of an evaluation, as they are called where they are missing."""


def lacks(table: Table, run: Run, result: Mapping[str, Any]) -> dict[str, str]:
    """What a finished run lacks.

    Args:
        table: the plan.
        run: the run.
        result: its JSON.

    Returns:
        by evaluation what it lacks first: itself, by its name; one of ``PARTS``, where the bundle's evaluation writes
        them.
    """
    found = {}
    for name in (PLAIN, *run.method.evaluations):
        parts = [title for part, title in PARTS.items() if not result.get(part, {}).get(name)]
        if name not in result["scores"]:
            found[name] = name
        elif parts and label_free_images(table, run, name):
            found[name] = parts[0]
    return found


def with_metrics(result: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A run's JSON with the scores of further evaluations; whatever else it holds is kept.

    Args:
        result: what the JSON holds, or what is known of the training alone.
        metrics: what each evaluation's ``metrics.json`` holds, by name.
    """
    merged = {"tissues": {}, **result}
    scores, snapshots, choice = (dict(result.get(part, {})) for part in ("scores", SNAPSHOTS, CHOICE))
    for name, found in metrics.items():
        scores[name] = {**scores.get(name, {}), **found["selections"]}
        snapshots[name] = found.get(SNAPSHOTS, [])
        if CHOICE in found:
            choice[name] = {part: found[CHOICE][part] for part in ("criterion", "images")}
        merged["tissues"] = found.get("tissues") or merged["tissues"]
    return {**merged, "scores": scores, SNAPSHOTS: snapshots, CHOICE: choice}


DONE, FAILED, BUSY = "done", "failed", "busy"


@dataclass(frozen=True)
class RunMaker:
    """Makes a run in a folder of its own; a scheduler calls it in a thread, or pickles it for another machine.

    A finished run leaves ``results_dir/<run>.json``, which ``results.take_up`` moves into the tables. A killed one
    resumes from its last checkpoint in ``work_dir/<run>``, where its resolved config, its logs and scores lie, too; a
    training and evaluations that are finished there are not made again. What a finished run lacks of what is asked for
    now is scored for as long as its weights lie there, and added to its JSON. Two processes never make the same run: a
    lock is held for as long as any process of the run lives.

    Args:
        table: the plan.
        dataset_dir: folder of the prepared data sets.
        work_dir: receives one folder a run.
        results_dir: receives one small JSON a finished run: the table's folder in that of the results.
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
        """Whether nothing is left to make of a run: what can no longer be scored does not count.

        Raises:
            InputError: when a run of this name was made with other configs or options, say of another table.
        """
        result = self._result(run)
        return result is not None and not self._missing(run, result)

    def lost(self, run: Run) -> list[str]:
        """What a finished run lacks and cannot be scored for any more: evaluations by name, "snapshots"."""
        result = self._result(run)
        if result is None:
            return []
        missing = self._missing(run, result)
        found = lacks(self.table, run, result)
        return list(dict.fromkeys(lack for name, lack in found.items() if name not in missing))

    def __call__(self, run: Run, gpu: str | None = None) -> str:
        """Trains what is left to train, and scores.

        Args:
            run: the run.
            gpu: the only one that it may see, as CUDA_VISIBLE_DEVICES names it; all of them where None.

        Returns:
            "done"; "failed", its logs say why; or "busy", another process is making it.
        """
        with run_lock(self.folder(run)) as lock:
            return BUSY if lock is None else self._make(run, gpu, lock)

    def _make(self, run: Run, gpu: str | None, lock: int) -> str:
        result, folder = self._result(run), self.folder(run)
        missing = [PLAIN, *run.method.evaluations] if result is None else self._missing(run, result)
        if not missing:
            return DONE
        config = self._training(run).resolved()
        if is_begun(folder):
            check_same_config(folder, config)
        write_config(config, folder)
        if result is None and not is_trained(folder) and not self._train(run, gpu, lock):
            return FAILED
        metrics = {}
        for name in missing:
            metrics[name] = self._metrics(run, name, gpu, lock)
            if metrics[name] is None:
                return FAILED
        save_json(self.result_path(run), with_metrics(result or self._facts(run, gpu), metrics))
        return DONE

    def _result(self, run: Run) -> dict[str, Any] | None:
        """What a finished run left; None where there is nothing."""
        result, asked = read_result(self.results_dir, run.name), self._identity(run)
        if result is None:
            return None
        made = {name: result.get(name, value) for name, value in asked.items()}
        if made != asked:
            raise InputError(
                f"{self.result_path(run)}: is of a run with {made}, not {asked}: give the method another name."
            )
        return result

    def _missing(self, run: Run, result: dict[str, Any]) -> list[str]:
        """Evaluations that a finished run lacks, or lacks a part of, and whose weights are still there."""
        folder = self.folder(run)
        if not is_trained(folder):
            return []
        found = lacks(self.table, run, result)
        return [name for name, lack in found.items() if lack == name or has_snapshots(folder)]

    def _facts(self, run: Run, gpu: str | None) -> dict[str, Any]:
        """A run's JSON without its scores."""
        return {
            "source": run.source,
            "target": run.target,
            "method": run.method.name,
            "seed": run.seed,
            "split": run.split,
            **self._identity(run),
            "target_labels_train": run.method.supervised,
            **training_figures(read_sessions(self.folder(run), "train")),
            "threads": self._threads(),
            "device": device_name(gpu),
            "versions": versions(),
        }

    def _identity(self, run: Run) -> dict[str, Any]:
        return {"configs": [*self.table.base, *run.method.overlays], "options": dict(run.method.options)}

    def _threads(self) -> int:
        return self.threads or usable_cores()

    def _training(self, run: Run) -> BundleTraining:
        return bundle_training(self.table, run, self.dataset_dir, self.folder(run))

    def _steps(self, gpu: str | None) -> StepRunner:
        return StepRunner(self._threads(), self.launcher, gpu)

    def _train(self, run: Run, gpu: str | None, lock: int) -> bool:
        folder = self.folder(run)
        if is_begun(folder) and not read_sessions(folder, "train"):
            write_sessions(folder, "train", [UNKNOWN])  # begun by hand
        return self._steps(gpu)(self._training(run), folder, lock, options={"resume": "True"})

    def _metrics(self, run: Run, name: str, gpu: str | None, lock: int) -> dict[str, Any] | None:
        """What an evaluation gives; None where it fails."""
        snapshots = label_free_images(self.table, run, name) > 0
        folder = self.folder(run)
        found = finished_metrics(folder, name, snapshots)
        if found is not None:
            return found
        out = evaluation_folder(folder, name)
        overlays, options = overlay_paths(self.table, evaluation_overlays(name)), {"evaluation_dir": str(out)}
        if not self._steps(gpu)(self._training(run), folder, lock, out.name, overlays, options):
            return None
        return json.loads((out / "metrics.json").read_text())
