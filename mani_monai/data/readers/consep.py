"""CoNSeP (Graham et al. 2019): 41 colon images of 1000x1000."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from mani_monai.utils import InputError

from .records import Listing, RawMask, Record, check_folder, files_by_stem, pair


def read_consep(root: str | Path) -> Listing:
    """Reads ``{Train,Test}/Images/*.png`` and ``{Train,Test}/Labels/*.mat`` as one set.

    The ids keep their ``train_`` and ``test_``. Which of the 16 slides an image comes from is not published, so
    every image is a group of its own.

    Args:
        root: the folder ``CoNSeP``, or the one that holds it.

    Returns:
        A record for every image.

    Raises:
        InputError: no such folder, or neither Train nor Test in it.
    """
    root = check_folder(root, "Train and Test of CoNSeP")
    if not (root / "Train").is_dir() and (root / "CoNSeP").is_dir():
        root = root / "CoNSeP"
    parts = [root / part for part in ("Train", "Test") if (root / part).is_dir()]
    if not parts:
        raise InputError(f"{root}: holds neither Train nor Test; name the folder CoNSeP.")
    problems: list[str] = []
    images = files_by_stem([check_folder(p / "Images", "the images") for p in parts], (".png",), problems)
    masks = files_by_stem([check_folder(p / "Labels", "the .mat files") for p in parts], (".mat",), problems)
    records = [Record(name, name, images[name], _mat_file(masks[name])) for name in pair(images, masks, problems)]
    return Listing("consep", tuple(records), "Apache-2.0", "image", problems=tuple(problems))


def read_instance_map(path: Path) -> RawMask:
    """Reads ``inst_map`` of a .mat file: HW ids, 0 background.

    Raises:
        InputError: not a .mat file, or one without a two-dimensional ``inst_map``.
    """
    try:
        content = loadmat(path)
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise InputError(f"{path}: cannot be read as .mat ({error}); copy or download it again.") from error
    if "inst_map" not in content:
        keys = ", ".join(key for key in content if not key.startswith("__")) or "nothing"
        raise InputError(f"{path}: has no inst_map (it holds {keys}); use the labels that came with CoNSeP.")
    values = np.asarray(content["inst_map"])
    if values.ndim != 2 or values.dtype.kind not in "biuf" or (values < 0).any() or (values != np.round(values)).any():
        raise InputError(f"{path}: inst_map is {values.dtype} of {values.shape}, not a map of whole ids >= 0.")
    return RawMask(values.astype(np.int64), "ids")


def _mat_file(path: Path) -> Callable[[tuple[int, int]], RawMask]:
    return lambda shape: read_instance_map(path)
