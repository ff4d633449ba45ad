"""PanNuke (Gamper et al. 2019, 2020): three folds of 256x256 patches of 19 tissues, as NumPy arrays."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from mani_monai.utils import InputError
from mani_monai.utils.folders import check_folder, is_leftover

from .records import Listing, RawImage, RawMask, Record

TYPES = ("neoplastic", "inflammatory", "connective", "dead", "epithelial")  # by channel; the sixth is the background
PARTS = {1: "training", 2: "validation", 3: "test"}  # by fold
_CHANNELS = 6
_MAX_ID = 2**31 - 1
_AGAIN = "download it again"


def read_pannuke(root: str | Path) -> Listing:
    """Reads ``Fold k/images/foldk/{images,types}.npy`` and ``Fold k/masks/foldk/masks.npy`` of the folds k = 1, 2, 3.

    The arrays are mapped, never loaded: a record copies its own patch out of them. The three files of a fold may lie
    at any depth, the fold's number is that of the innermost folder named fold1, "Fold 1", fold_1, ... Which patient
    a patch comes from is not published, so every patch is a group of its own.

    Args:
        root: the folder that holds the folds, or one fold's.

    Returns:
        A record for every patch, ``fold1_0000`` and so on; folds 1, 2 and 3 are training, validation and test.

    Raises:
        InputError: no such folder, or no fold in it.
    """
    root = check_folder(root, "Fold 1, Fold 2 and Fold 3 of PanNuke")
    problems: list[str] = []
    left_out: list[str] = []
    folds = _find(root, problems)
    if not folds:
        raise InputError(f"{root}: holds no images.npy in a folder fold1, fold2 or fold3; name PanNuke's folder.")
    records: list[Record] = []
    for fold, files in sorted(folds.items()):
        try:
            tissues = _check(root, fold, files)
        except InputError as error:
            problems.append(str(error))
            continue
        if "types" not in files:
            left_out.append(f"tissues of fold {fold}: it has no types.npy")
        records += [
            Record(
                name,
                name,
                files["images"],
                partial(_read_mask, files["masks"], index),
                partial(read_patch, files["images"], index),
                tissue,
                PARTS[fold],
            )
            for index, tissue in enumerate(tissues)
            for name in [f"fold{fold}_{index:04d}"]
        ]
    licence = "CC BY-NC-SA 4.0 (non-commercial)"
    return Listing("pannuke", tuple(records), licence, "image", tuple(left_out), tuple(problems), TYPES)


def read_patch(path: Path, index: int) -> RawImage:
    """Copies one patch out of ``images.npy``, whose values are 0 to 255 of any number type.

    Raises:
        InputError: the file cannot be read, or the patch holds NaN, or values beyond 0 to 255 or of 0 to 1.
    """
    values = _copy(path, index)
    _check_finite(path, "image", index, values)
    low, high = values.min(), values.max()
    if low < 0 or high > 255 or (values.dtype.kind == "f" and 0 < high <= 1):
        raise InputError(f"{path}: image {index} holds values from {low:g} to {high:g}, not 0 to 255; rescale them.")
    pixels = np.rint(values).astype(np.uint8)
    notes = () if np.array_equal(pixels, values) else (("fractions of grey values rounded", 1),)
    return RawImage(pixels, notes)


def read_channels(path: Path, index: int) -> RawMask:
    """Paints the channels of one patch of ``masks.npy`` into one map, a channel being a cell type.

    Equal ids in two channels are two nuclei. Where channels overlap the later one wins, as in PanNuke's own metrics
    and in CellViT. The sixth channel, the background, is ignored.

    Args:
        path: N x H x W x 6 ids.
        index: the patch.

    Returns:
        HW ids with types 1 to 5, and how many pixels and nuclei went to a later channel.

    Raises:
        InputError: the file cannot be read, or the patch holds something else than whole ids.
    """
    channels = np.moveaxis(_copy(path, index)[..., : len(TYPES)], -1, 0)
    _check_finite(path, "mask", index, channels)
    if channels.min() < 0 or channels.max() > _MAX_ID or (channels != np.rint(channels)).any():
        raise InputError(f"{path}: mask {index} holds values that are no whole ids >= 0; {_AGAIN}.")
    ids = np.zeros(channels.shape[1:], dtype=np.int64)
    types = np.zeros(ids.shape, dtype=np.uint8)
    painted = covered = 0
    for kind, channel in enumerate(channels.astype(np.int64), start=1):
        inside = channel > 0
        covered += int((ids[inside] > 0).sum())
        ids[inside] = channel[inside] + ids.max(initial=0)
        types[inside] = kind
        painted += len(np.unique(channel[inside]))
    hidden = painted - len(np.unique(ids[ids > 0]))
    notes = (("pixels in two channels, given to the later", covered), ("nuclei covered by a later channel", hidden))
    return RawMask(ids, "ids", tuple(note for note in notes if note[1]), types)


def _read_mask(path: Path, index: int, shape: tuple[int, int]) -> RawMask:
    return read_channels(path, index)


def _find(root: Path, problems: list[str]) -> dict[int, dict[str, Path]]:
    """The files of every fold by what they hold."""
    folds: dict[int, dict[str, Path]] = {}
    for path in sorted(root.rglob("*.[nN][pP][yY]")):
        inner = path.absolute().relative_to(root.absolute().parent)
        numbers = re.findall(r"fold[ _-]*([123])(?!\d)", inner.parent.as_posix().lower())
        what = path.stem.lower()
        if is_leftover(path, root) or not numbers or what not in ("images", "masks", "types"):
            continue
        found = folds.setdefault(int(numbers[-1]), {})
        if what in found:
            problems.append(f"{path}: is of the same fold as {found[what]}; remove one of the two.")
        else:
            found[what] = path
    return folds


def _check(root: Path, fold: int, files: dict[str, Path]) -> list[str | None]:
    """Checks what the headers of a fold's files say; returns the tissue of every patch."""
    for what in ("images", "masks"):
        if what not in files:
            raise InputError(f"{root}: fold {fold} has no {what}.npy; add it, or remove the fold.")
    images, masks = _map(files["images"]), _map(files["masks"])
    for path, array, last in ((files["images"], images, 3), (files["masks"], masks, _CHANNELS)):
        if array.ndim != 4 or array.shape[-1] != last or array.dtype.kind not in "uif" or array.size == 0:
            held = f"{array.dtype} of {'x'.join(map(str, array.shape))}"
            raise InputError(f"{path}: holds {held}, not numbers of N x height x width x {last}; {_AGAIN}.")
    if images.shape[:3] != masks.shape[:3]:
        sizes = ("x".join(map(str, array.shape[:3])) for array in (masks, images))
        raise InputError(f"{files['masks']}: holds {' masks where there are '.join(sizes)} images; {_AGAIN}.")
    if "types" not in files:
        return [None] * len(images)
    types = _map(files["types"])
    if types.shape != images.shape[:1] or types.dtype.kind not in "US":
        held = f"{types.dtype} of {'x'.join(map(str, types.shape))}"
        raise InputError(f"{files['types']}: holds {held}, not the names of {len(images)} tissues; {_AGAIN}.")
    return [str(name).strip() or None for name in types.astype(str)]


def _map(path: Path) -> np.memmap:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        if "object" in str(error).lower():  # NumPy's advice is to unpickle it, which runs whatever the file says
            why = "holds Python objects, which are never unpickled here; save it as a plain array"
            raise InputError(f"{path}: {why}.") from error
        raise InputError(f"{path}: cannot be read as .npy ({error}); {_AGAIN}.") from error
    if not isinstance(array, np.memmap):
        raise InputError(f"{path}: is an archive of arrays, not one; unpack it.")
    return array


def _copy(path: Path, index: int) -> np.ndarray:
    """One entry of an array. The mapping ends with the call, so that the pages read don't stay in memory."""
    return np.array(_map(path)[index])


def _check_finite(path: Path, what: str, index: int, values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise InputError(f"{path}: {what} {index} holds NaN or infinite values; {_AGAIN}.")
