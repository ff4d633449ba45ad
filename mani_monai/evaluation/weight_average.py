"""The mean of a training's later weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from mani_monai.utils import InputError
from mani_monai.utils.errors import counted
from mani_monai.utils.files import weights_file
from mani_monai.utils.whole_tensors import load_whole


def snapshots_of(run_dir: str | Path) -> list[Path]:
    """Weights of a training's course, in order; none where there are none."""
    return sorted(Path(run_dir).glob("snapshots/iteration_*.pt"), key=lambda path: (len(path.name), path.name))


def second_half(snapshots: Sequence[Path]) -> list[Path]:
    """Those of a training's second half: their iteration is more than half of the last one's.

    A training that went on to be longer has fewer snapshots of its later part, so that their number does not tell.

    Args:
        snapshots: of a training, as :func:`snapshots_of` names them.
    """
    iterations = [int(path.stem.removeprefix("iteration_")) for path in snapshots]
    return [path for path, iteration in zip(snapshots, iterations, strict=True) if 2 * iteration > iterations[-1]]


def averaged_weights(run_dir: str | Path) -> dict[str, Tensor]:
    """What the selection ``average`` scores: the mean of the snapshots of a training's second half.

    Raises:
        InputError: when the training has not come to its end or left fewer than two of them, or one cannot be read.
    """
    late = second_half(snapshots_of(run_dir))
    if not weights_file(run_dir).exists():
        raise InputError(f"{run_dir}: holds no finished training to average; train there first.")
    if len(late) < 2:
        raise InputError(f"{run_dir}: has {counted(len(late), 'snapshot')} to average; train for longer.")
    return mean_state(late)


def mean_state(paths: Sequence[Path]) -> dict[str, Tensor]:
    """Mean of the state dictionaries in files, one in memory at a time; counters are the last file's.

    Raises:
        InputError: when a file is missing or is not such a file.
    """
    mean = {}
    for number, path in enumerate(paths, start=1):
        for key, value in load_whole(path).items():
            averages = value.is_floating_point() and key in mean
            mean[key] = mean[key].lerp(value, 1 / number) if averages else value
    return mean
