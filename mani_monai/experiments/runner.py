"""Trains and scores the runs of a table, side by side, resumable at any point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from .plan import Run, Table


class TableRunner:
    """Runs what is missing of a table.

    A finished run leaves ``results_dir/<run>.json`` and counts as done for good; a killed one resumes from its last
    checkpoint in ``work_dir/<run>``.

    Args:
        table: the plan.
        dataset_dir: folder of the prepared data sets.
        work_dir: receives one folder a run: weights, logs, scores.
        results_dir: receives one small JSON a finished run.
        jobs: runs side by side; the cores are shared out among them.
    """

    def __init__(self, table: Table, dataset_dir: str, work_dir: str, results_dir: str, jobs: int = 1) -> None:
        self.table = table
        self.dataset_dir = dataset_dir
        self.work_dir = Path(work_dir)
        self.results_dir = Path(results_dir)
        self.jobs = jobs

    def result_path(self, run: Run) -> Path:
        """Where a finished run leaves its scores."""
        return self.results_dir / f"{run.name}.json"

    def __call__(self, runs: Sequence[Run]) -> list[str]:
        """Makes the missing runs.

        Args:
            runs: the runs of the table, in the order to make them in.

        Returns:
            the names of those that failed; their logs say why.
        """
        missing = [run for run in runs if not self.result_path(run).exists()]
        print(f"{len(runs) - len(missing)} of {len(runs)} runs are done, {len(missing)} to go.", flush=True)
        failed = []
        with ThreadPoolExecutor(self.jobs) as pool, tqdm(total=len(missing), desc="runs", unit="run") as bar:
            futures = {pool.submit(self._run, run): run for run in missing}
            for future in as_completed(futures):
                run = futures[future]
                if not future.result():
                    failed.append(run.name)
                bar.set_postfix_str(f"{run.name}{' failed' if run.name in failed else ''}")
                bar.update()
        return failed

    def _run(self, run: Run) -> bool:
        start = time.time()
        if not self._bundle(run, "train", [], ["--resume", "true"]):
            return False
        seconds = time.time() - start
        evaluations = {"plain": ["evaluate.json"]}
        if run.method.adabn:
            evaluations["adabn"] = ["evaluate.json", "adabn.json"]
        scores = {}
        for name, overlays in evaluations.items():
            folder = self.work_dir / run.name / f"evaluation_{name}"
            if not self._bundle(run, f"evaluation_{name}", overlays, ["--evaluation_dir", str(folder)]):
                return False
            metrics = json.loads((folder / "metrics.json").read_text())
            scores[name] = metrics["selections"]
        result = {
            "source": run.source,
            "target": run.target,
            "method": run.method.name,
            "seed": run.seed,
            "split": run.split,
            "configs": [*self.table.base, *run.method.overlays],
            "options": dict(run.method.options),
            "target_labels_train": run.method.supervised,
            "training_seconds": round(seconds),
            "tissues": metrics.get("tissues", {}),
            "scores": scores,
        }
        self.results_dir.mkdir(parents=True, exist_ok=True)
        part = self.result_path(run).with_suffix(".part")
        part.write_text(json.dumps(result, indent=1) + "\n")
        part.replace(self.result_path(run))
        return True

    def _bundle(self, run: Run, step: str, overlays: Sequence[str], options: Sequence[str]) -> bool:
        folder = self.work_dir / run.name
        folder.mkdir(parents=True, exist_ok=True)
        configs = [
            str(self.table.bundle / "configs" / name) for name in (*self.table.base, *run.method.overlays, *overlays)
        ]
        command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(configs)]
        command += ["--dataset_dir", self.dataset_dir, "--source", run.training_source, "--target", run.target]
        command += ["--split", run.split, "--seed", str(run.seed), "--output_dir", str(folder), *options]
        command += [part for option, value in run.method.options for part in (f"--{option}", value)]
        threads = max(1, (os.cpu_count() or 1) // self.jobs)
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        with open(folder / f"{step}.log", "w") as log:
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False)
        return done.returncode == 0
