"""Writing and reading tensors without losing what is there."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from torch import Tensor, nn

from .errors import InputError, is_cut_off
from .folders import FETCH, is_lfs_pointer, replacing

_SAME = "use the overlays and settings that it was trained with, or another output_dir"


def save_atomically(content: Mapping[str, Any], path: str | Path) -> None:
    """Saves tensors so that ``path`` is at any moment the old file or the new one, whole; on rank 0 only.

    Args:
        content: a state dictionary.
        path: the file; its folder is made.

    Raises:
        InputError: when the disk is full or the folder cannot be written; what was there is kept.
        RuntimeError: as PyTorch raises it of tensors that cannot be read, such as those of a device that failed.
    """
    path = Path(path)
    if idist.get_rank() > 0:
        return
    try:
        with replacing(path) as partial, open(partial, "wb") as stream:
            torch.save(dict(content), stream)
    except (InputError, OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not (is_cut_off(error) or isinstance(error.__context__, OSError)):
            raise  # of a device or of the content: no folder or permission is to blame
        reason = str(error.__cause__ or error).splitlines()[0]
        raise InputError(
            f"{path}: cannot be written ({reason}); what was saved before is intact: free some space there, or mend "
            "its permissions, and go on with --resume."
        ) from error


def write_state(state: Mapping[str, Tensor], path: Path) -> None:
    """Writes a state dictionary of plain tensors, the same bytes for the same values.

    Args:
        state: tensors by name.
        path: the file.

    Raises:
        InputError: when it cannot be written.
    """
    try:  # the file's own name stands in it, so it is written in its place
        torch.save({name: value.detach().cpu().contiguous().clone() for name, value in state.items()}, path)
    except Exception as error:
        path.unlink(missing_ok=True)
        raise_unwritten(error, path)
        raise


def raise_unwritten(error: BaseException, place: str | Path) -> None:
    """Raises an :class:`InputError` that names a place where an error says that a file system took no more.

    Args:
        error: any error; of another kind nothing is raised.
        place: what was to be written.

    Raises:
        InputError: with the remedy.
    """
    if isinstance(error, OSError) or is_cut_off(error):
        reason = "the weights do not fit" if is_cut_off(error) else getattr(error, "strerror", None) or str(error)
        raise InputError(f"{place}: cannot be written ({reason}); free some space, or name another place.") from error


def load_tensors(path: str | Path) -> Mapping[str, Any]:
    """Reads a file of tensors; never executes what a file holds.

    Raises:
        InputError: when the file is missing or is not such a file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; train first, or name the folder of a finished run.")
    if is_lfs_pointer(path):
        raise InputError(f"{path}: {FETCH}.")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")  # which is refused in one line
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = (str(error) or "it ends too early").splitlines()[0].partition("Weights only load failed")[0].strip()
        reason = reason or "it holds more than tensors and numbers"
        raise InputError(f"{path}: not a checkpoint of tensors ({reason}); remove it or name another.") from error
    if not isinstance(content, Mapping):
        what = type(content).__name__
        raise InputError(f"{path}: not a checkpoint of tensors (but of one {what}); remove it or name another.")
    return content


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """A digest of every name and value of a state dictionary, 32 hexadecimal digits."""
    digest = blake2b(digest_size=16)
    for name, value in state.items():
        digest.update(name.encode())
        digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()


def load_network(
    network: nn.Module, state: Mapping[str, Any], path: str | Path, assign: bool = False, remedy: str = _SAME
) -> None:
    """Loads a state dictionary into a network.

    Args:
        network: the network, plain or wrapped for several processes.
        state: its state dictionary.
        path: where it came from, for the message.
        assign: the tensors become the network's, rather than being copied into its own, which may have no memory.
        remedy: the end of the message.

    Raises:
        InputError: when the file holds another network.
    """
    network = getattr(network, "module", network)
    own = network.state_dict()
    differing = [name for name in own if not _is_like(state.get(name), own[name])]
    differing += [name for name in state if name not in own]
    if differing:
        what = f"{len(differing)} of {len(own)} entries differ, e.g. {differing[0]}"
        raise InputError(f"{path}: holds another network ({what}); {remedy}.")
    network.load_state_dict(state, assign=assign)


def _is_like(value: Any, own: Tensor) -> bool:
    if not isinstance(value, Tensor) or value.layout != torch.strided:
        return False
    return value.shape == own.shape and value.is_floating_point() == own.is_floating_point()


def weights_file(run_dir: str | Path, name: str = "model.pt") -> Path:
    """Where weights lie in a run's folder, as in a bundle's.

    Args:
        run_dir: the run's folder.
        name: such as ``model.pt``, the last iterate, or ``model_source_val.pt``.
    """
    return Path(run_dir) / "models" / name


def load_finished(folder: str | Path, **networks: nn.Module) -> None:
    """Loads networks from the checkpoint of a training that has ended.

    Args:
        folder: the training's output folder.
        networks: networks by their name in the checkpoint, e.g. ``model`` and ``adaptation``.

    Raises:
        InputError: when the training has not ended, or was of other networks.
    """
    checkpoint = Path(folder) / "checkpoint.pt"
    states = load_tensors(checkpoint)
    if not weights_file(folder).is_file():
        raise InputError(f"{checkpoint}: is of a training that has not ended; go on with --resume first.")
    for name, network in networks.items():
        load_network(network, states.get(name, {}), checkpoint)
