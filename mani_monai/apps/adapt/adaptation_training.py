"""The trainings of an adaptation, without scores, which would need target labels."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mani_monai.apps.adapt.methods import Training
from mani_monai.run.bundle_training import BundleTraining
from mani_monai.run.launching import Launcher, StepRunner, run_lock
from mani_monai.run.progress import watched
from mani_monai.run.run_folder import CHECKPOINT, check_same_config, is_begun, is_trained, write_config
from mani_monai.utils import InputError, failure_reason
from mani_monai.utils.folders import replacing
from mani_monai.utils.machine import visible_gpus

TAIL = 200
"""Lines of a log that may say why a training failed."""
_RESUMED, _AGAIN = "go on with --resume", "start the same command again"
"""The remedy of ``mani train``, and that of an adaptation, which has no such option and goes on by itself."""
_FULL = 2**20
"""Free bytes of a disk that holds no log."""


@dataclass(frozen=True)
class TrainingMaker:
    """Makes trainings, each in a folder of its own: resumed where it was cut off, done once its last weights lie there.

    Args:
        dataset_dir: folder of the prepared data sets.
        work_dir: receives one folder a training.
        threads: of each training; all cores that its process may use where None.
        launcher: what starts the processes.
        continued: trainings that are another one to its end, which comes before them: they go on from its last
            checkpoint, to the weights that they would have come to by themselves, bit for bit.
        device: where they run; the first GPU by default, where there is one.
    """

    dataset_dir: str
    work_dir: Path
    threads: int | None = None
    launcher: Launcher = field(default_factory=Launcher)
    continued: Mapping[Training, Training] = field(default_factory=dict)
    device: str | None = None

    @property
    def gpu(self) -> str | None:
        """The only GPU that a training may see, as CUDA_VISIBLE_DEVICES names it; None where there is none."""
        number = int((self.device or "").partition(":")[2] or 0)
        return next(iter(visible_gpus()[number:]), None)

    @property
    def settings(self) -> dict[str, str]:
        """Options that say where a training runs; its one GPU has the number 0 there."""
        kind = (self.device or "").partition(":")[0].lower()
        return {"device": f"$torch.device('{kind}')"} if kind else {}

    def folder(self, training: Training) -> Path:
        """Where a training's weights and logs lie."""
        return self.work_dir / training.name

    def is_done(self, training: Training) -> bool:
        """Whether the training has come to its end.

        Raises:
            InputError: when a training with other configs or options lies there.
        """
        folder = self.folder(training)
        if is_begun(folder):
            check_same_config(folder, self._bundle(training).resolved())
        return is_trained(folder)

    def __call__(self, training: Training) -> bool:
        """Trains what is left to train.

        Args:
            training: the training.

        Returns:
            whether it has come to its end.

        Raises:
            InputError: when another process is training in the folder.
        """
        folder = self.folder(training)
        with run_lock(folder) as lock:
            if lock is None:
                raise InputError(f"{folder}: another process is training there; wait for it, or choose another --out.")
            if self.is_done(training):
                return True
            self._begin_where_another_ended(training)
            write_config(self._bundle(training).resolved(), folder)
            step = StepRunner(self.threads, self.launcher, self.gpu)
            return step(self._bundle(training), folder, lock, options={"resume": "True", **self.settings})

    def _bundle(self, training: Training) -> BundleTraining:
        return training.of_bundle(self.dataset_dir, self.folder(training))

    def _begin_where_another_ended(self, training: Training) -> None:
        folder, first = self.folder(training), self.continued.get(training)
        if first is None or is_begun(folder) or not is_trained(self.folder(first)):
            return
        last = self.folder(first) / CHECKPOINT
        if last.exists():
            with replacing(folder / CHECKPOINT) as path:
                shutil.copyfile(last, path)


def train(make: TrainingMaker, trainings: Sequence[Training], seconds: float = 1.0) -> None:
    """Trains what is left to train, one after the other, and shows how far it is and how long it will take.

    Args:
        make: makes a training.
        trainings: in order.
        seconds: between two looks at them.

    Raises:
        InputError: when a training failed, with the reason in its log, or another process is making it; those after
            it are not begun.
    """
    for training in trainings:
        folder = make.folder(training)
        if make.is_done(training):
            continue

        def make_it(training: Training = training) -> bool:
            return make(training)

        if not watched(make_it, folder, training.method.title, make.launcher.stop, seconds):
            log = folder / "train.log"
            raise InputError(f"{log}: the training failed: {_reason(log)}")


def _reason(log: Path) -> str:
    """Why a training failed, by its log, with the remedy of the command that started it."""
    said = log.read_text(encoding="utf-8", errors="replace").split("\n")[-TAIL:] if log.is_file() else []
    if not "".join(said).strip() and shutil.disk_usage(log.parent).free < _FULL:
        return f"its disk is full; free some space, and {_AGAIN}."
    return failure_reason(said).replace(_RESUMED, _AGAIN)
