"""CoNSeP (Graham et al. 2019): 41 colon images of 1000x1000."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from mani_monai.utils import InputError
from mani_monai.utils.folders import FETCH, check_folder, files_by_stem, is_lfs_pointer
from mani_monai.utils.subfolders import remedy_below

from .records import FORTY_TIMES, Listing, RawMask, Record, pair

SEVEN_TYPES = (
    "other",
    "inflammatory",
    "healthy epithelial",
    "malignant epithelial",
    "fibroblast",
    "muscle",
    "endothelial",
)
FOUR_TYPES = ("other", "inflammatory", "epithelial", "spindle-shaped")
_MERGED = (0, 1, 2, 3, 3, 4, 4, 4)  # what becomes of the types 0 to 7, as in the HoVer-Net paper
_PARTS = {"Train": "training", "Test": "test"}


def read_consep(root: str | Path, merge_types: bool = False) -> Listing:
    """Reads ``{Train,Test}/Images/*.png`` and ``{Train,Test}/Labels/*.mat`` as one set.

    The ids keep their ``train_`` and ``test_``. Which of the 16 slides an image comes from is not published, so
    every image is a group of its own. Cell types are kept where every file has a ``type_map``. Where no file of the
    set holds a type above 4, the types are taken as the four merged ones.

    Args:
        root: the folder ``CoNSeP``, or the one that holds it.
        merge_types: merge the seven types into HoVer-Net's four: both epithelial ones (3, 4), and fibroblast, muscle
            and endothelial (5, 6, 7).

    Returns:
        A record for every image.

    Raises:
        InputError: no such folder, neither Train nor Test in it, or types to merge that are not seven.
    """
    root = check_folder(root, "Train and Test of CoNSeP")
    if not (root / "Train").is_dir() and (root / "CoNSeP").is_dir():
        root = root / "CoNSeP"
    parts = [root / part for part in _PARTS if (root / part).is_dir()]
    if not parts:
        remedy = remedy_below(root, {"Train", "Test"}.__contains__, "name the folder CoNSeP")
        raise InputError(f"{root}: holds neither Train nor Test; {remedy}.")
    problems: list[str] = []
    images = files_by_stem([check_folder(p / "Images", "the images") for p in parts], (".png",), problems)
    masks = files_by_stem([check_folder(p / "Labels", "the .mat files") for p in parts], (".mat",), problems)
    names = pair(images, masks, problems)

    highest = {masks[name]: _highest_type(masks[name]) for name in names}
    untyped = [path for path, value in highest.items() if value is None]
    most = max((value for value in highest.values() if value is not None), default=0)
    if merge_types:
        _check_mergeable(root, most)
    left_out = [f"cell types: {untyped[0].name} has no type_map ({len(untyped)} such)"] if untyped and most else []
    types = () if untyped else FOUR_TYPES if merge_types else _type_names(most)
    values = (_MERGED if merge_types else range(256)) if types else None

    records = [
        Record(name, name, path, partial(_read_mask, masks[name], values), part=_PARTS[path.parent.parent.name])
        for name in names
        for path in [images[name]]
    ]
    found = (tuple(left_out), tuple(problems))
    return Listing("consep", tuple(records), "Apache-2.0", "image", *found, types, FORTY_TIMES)


def read_instance_map(path: Path, types: tuple[int, ...] | range | None = None) -> RawMask:
    """Reads ``inst_map`` of a .mat file: HW ids, 0 background.

    Args:
        path: the .mat file.
        types: what becomes of each value of ``type_map``, beginning with 0; None leaves the cell types out.

    Raises:
        InputError: not a .mat file, one without a two-dimensional ``inst_map``, or types that do not go with it.
    """
    content = _load(path)
    if "inst_map" not in content:
        keys = ", ".join(key for key in content if not key.startswith("__")) or "nothing"
        raise InputError(f"{path}: has no inst_map (it holds {keys}); use the labels that came with CoNSeP.")
    ids = _whole_numbers(path, content, "inst_map", "ids")
    if types is None:
        return RawMask(ids, "ids")
    kinds = _whole_numbers(path, content, "type_map", "cell types")
    if kinds.shape != ids.shape or kinds.max(initial=0) >= len(types):
        what = f"type_map of {'x'.join(map(str, kinds.shape))} holds values up to {kinds.max(initial=0)}"
        remedy = f"{'x'.join(map(str, ids.shape))} and up to {len(types) - 1} were expected; mend the file"
        raise InputError(f"{path}: {what}, where {remedy}.")
    return RawMask(ids, "ids", types=np.asarray(types, dtype=np.uint8)[kinds])


def _read_mask(path: Path, types: tuple[int, ...] | range | None, shape: tuple[int, int]) -> RawMask:
    return read_instance_map(path, types)


def _load(path: Path, only: str | None = None) -> dict[str, Any]:
    try:
        return loadmat(path, variable_names=only)
    except NotImplementedError as error:  # HDF5 inside
        raise InputError(f"{path}: is of MATLAB's version 7.3; save it again with -v7.") from error
    except Exception as error:  # of a broken file the reader raises whatever it stumbles over
        if is_lfs_pointer(path):
            raise InputError(f"{path}: {FETCH}.") from error
        raise InputError(f"{path}: cannot be read as .mat ({error}); copy or download it again.") from error


def _whole_numbers(path: Path, content: dict[str, Any], key: str, what: str) -> np.ndarray:
    values = np.asarray(content[key])
    if values.ndim != 2 or values.dtype.kind not in "biuf" or (values < 0).any() or (values != np.round(values)).any():
        raise InputError(f"{path}: {key} is {values.dtype} of {values.shape}, not a map of whole {what} >= 0.")
    return values.astype(np.int64)


def _highest_type(path: Path) -> int | None:
    """The highest cell type in a file; None without a type map. What is wrong with a file is said on conversion."""
    try:
        content = _load(path, "type_map")
        if "type_map" not in content:
            return None
        return int(_whole_numbers(path, content, "type_map", "cell types").max(initial=0))
    except InputError:
        return 0


def _check_mergeable(root: Path, most: int) -> None:
    if most == 0:
        raise InputError(f"{root}: holds no cell types, so there is nothing to merge; leave --merge_types out.")
    if most <= 4:
        raise InputError(f"{root}: holds no cell type above 4, so they are merged already; leave --merge_types out.")
    if most > len(SEVEN_TYPES):
        raise InputError(f"{root}: holds {most} cell types, not CoNSeP's seven; leave --merge_types out.")


def _type_names(most: int) -> tuple[str, ...]:
    if most <= len(FOUR_TYPES):
        return FOUR_TYPES if most else ()
    return SEVEN_TYPES if most <= len(SEVEN_TYPES) else tuple(f"type {value}" for value in range(1, most + 1))
