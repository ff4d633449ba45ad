"""The trainings of an adaptation: the harness's runs without their scores, which would need target labels."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mani_monai.run.config_match import check_same_config
from mani_monai.run.run_folder import CHECKPOINT, is_begun, is_trained
from mani_monai.utils import InputError, failure_reason
from mani_monai.utils.atomic import replacing
from mani_monai.utils.machine import visible_gpus
from studies import Run, RunMaker, TableRunner, ThreadScheduler
from studies.maker import DONE, FAILED
from studies.run_config import resolved_config, write_config

TAIL = 200
"""Lines of a log that may say why a training failed."""


@dataclass(frozen=True)
class TrainingMaker(RunMaker):
    """Makes a run's training alone: done once its last weights lie in its folder, resumed where it was cut off.

    Args:
        continued: trainings that are another one to its end, which comes before them: they go on from its last
            checkpoint, to the weights that they would have come to by themselves, bit for bit.
    """

    continued: Mapping[Run, Run] = field(default_factory=dict)

    def is_done(self, run: Run) -> bool:
        """Whether the training has come to its end.

        Raises:
            InputError: when a training with other configs or options lies there.
        """
        folder = self.folder(run)
        if is_begun(folder):
            check_same_config(folder, resolved_config(self.table, run, self.dataset_dir, folder))
        return is_trained(folder)

    def lost(self, run: Run) -> list[str]:
        """Nothing: there are no scores that could be lacking."""
        return []

    def _make(self, run: Run, gpu: str | None, lock: int) -> str:
        if self.is_done(run):
            return DONE
        folder, first = self.folder(run), self.continued.get(run)
        last = first and self.folder(first) / CHECKPOINT
        if last and last.exists() and is_trained(last.parent) and not is_begun(folder):
            with replacing(folder / CHECKPOINT) as path:
                shutil.copyfile(last, path)
        write_config(resolved_config(self.table, run, self.dataset_dir, folder), folder)
        return DONE if self._train(run, gpu, lock) else FAILED


def train(make: TrainingMaker, runs: Sequence[Run], seconds: float = 1.0) -> None:
    """Trains what is left to train, one after the other, and shows how far it is and how long it will take.

    Args:
        make: makes a training.
        runs: the trainings, in order.
        seconds: between two looks at them.

    Raises:
        InputError: when a training failed, with the reason in its log, or another process is making it; those after
            it are not begun.
    """
    for run in runs:
        failed = TableRunner(make, ThreadScheduler(make, 1, visible_gpus()), seconds)([run])
        log = make.folder(run) / "train.log"
        if failed:
            said = log.read_text(encoding="utf-8", errors="replace").split("\n")[-TAIL:] if log.is_file() else []
            raise InputError(f"{log}: the training failed: {failure_reason(said)}")
        if not make.is_done(run):
            raise InputError(f"{log.parent}: another process is training there; wait for it, or choose another --out.")
