"""Reads the lists that ``mani prepare`` wrote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object

PARTS = ("training", "validation", "test")
PREPARE = "mani prepare"
FILES = ("image", "label", "types")  # an entry's keys that name a file


def load_datalist(path: str | Path, part: str) -> list[dict[str, str]]:
    """Loads one part of a decathlon list.

    Args:
        path: the JSON file; the files it names are relative to its folder.
        part: "training", "validation" or "test".

    Returns:
        Dictionaries with "image" and, where there are any, "label" and "types" (cell types), all absolute paths, and
        "tissue", a name.

    Raises:
        InputError: the list or an image of it is missing, or the list is broken or has no such part.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: does not exist; write it with {PREPARE}.")
    content = read_object(path, f"write it again with {PREPARE}")
    if part not in content:
        raise InputError(
            f"{path}: has no part {part!r} (it holds: {', '.join(content)}); write it again with {PREPARE}."
        )
    entries = content[part]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "image" in entry for entry in entries):
        raise InputError(f'{path}: {part!r} is no list of {{"image": ...}}; write it again with {PREPARE}.')
    if not entries:
        raise InputError(f"{path}: {part!r} is empty; the data set has too few images for it, so prepare a larger one.")
    folder = path.parent.absolute()
    items = [{k: str(folder / v) if k in FILES else v for k, v in entry.items()} for entry in entries]
    files = [item[key] for item in items for key in FILES if key in item]
    missing = [file for file in files if not os.path.isfile(file)]
    if missing:
        raise InputError(f"{missing[0]}: is in {path} but does not exist ({len(missing)} such); run {PREPARE} again.")
    return items


def load_source_list(
    dataset_dir: str | Path, name: str | Sequence[str], split: str | int = "split_0", part: str = "training"
) -> list[dict[str, str]]:
    """Loads a part of a labelled source domain.

    Args:
        dataset_dir: the folder of all prepared data sets.
        name: the data set in it, or several with commas, such as "tnbc,consep".
        split: "split_0" to "split_4", "fold_0" to "fold_4", or "native" where the data set has a partition of its own;
            a number k means "split_k".
        part: "training", "validation" or "test".

    Returns:
        Dictionaries of absolute paths, every one with "image" and "label"; of several data sets also "domain", the
        name of its own.

    Raises:
        InputError: as :func:`load_datalist`; also no such data set or split, an entry without a label, or several data
            sets whose pixel sizes differ.
    """
    lists = _load_each(dataset_dir, name, "source", split, part)
    for path, items in lists.items():
        for item in items:
            if "label" not in item:
                raise InputError(f"{path}: {item['image']} has no label; a source needs masks: run {PREPARE} again.")
    return [item for items in lists.values() for item in items]


def load_target_list(
    dataset_dir: str | Path, name: str | Sequence[str], split: str | int = "split_0", part: str = "training"
) -> list[dict[str, str]]:
    """Loads a part of a target domain: training holds images alone, validation and test labels for scoring.

    Args:
        dataset_dir: the folder of all prepared data sets.
        name: the data set in it, or several with commas.
        split: as in :func:`load_source_list`.
        part: "training", "validation" or "test".

    Returns:
        Dictionaries of absolute paths.

    Raises:
        InputError: as :func:`load_datalist`; also no such data set or split, a training entry with a label, or several
            data sets whose pixel sizes differ.
    """
    lists = _load_each(dataset_dir, name, "target", split, part)
    for path, items in lists.items():
        if part == "training" and any("label" in item or "types" in item for item in items):
            remedy = f'remove the keys "label" and "types" or run {PREPARE} again'
            raise InputError(f"{path}: a target's training list must not hold labels; {remedy}.")
    return [item for items in lists.values() for item in items]


def data_set_names(name: str | Sequence[str]) -> list[str]:
    """Splits the value of ``--source`` or ``--target`` into names of data sets.

    Args:
        name: one name, or several with commas; a tuple of names, as commands read "a,b", is taken too.

    Raises:
        InputError: when a name is empty or stands twice.
    """
    parts = name if isinstance(name, (tuple, list)) else str(name).split(",")
    names = [str(part).strip() for part in parts]
    if not all(names) or len(set(names)) < len(names):
        raise InputError(
            f"{name!r}: names of data sets are separated by single commas, each once, such as tnbc,consep."
        )
    return names


def _load_each(
    dataset_dir: str | Path, name: str | Sequence[str], role: str, split: str | int, part: str
) -> dict[Path, list[dict[str, str]]]:
    """Items by the list that they are in; those of several data sets say which one they are of.

    Of several, only the keys that all have are kept: a batch needs one set of keys.
    """
    names = data_set_names(name)
    lists = {each: _list_path(dataset_dir, each, role, split) for each in names}
    if len(names) == 1:
        return {path: load_datalist(path, part) for path in lists.values()}
    _check_pixel_sizes(dataset_dir, names, role)
    loaded = {each: load_datalist(path, part) for each, path in lists.items()}
    common = set.intersection(*(set(item) for items in loaded.values() for item in items))
    return {
        lists[each]: [{key: item[key] for key in item if key in common} | {"domain": each} for item in items]
        for each, items in loaded.items()
    }


def _check_pixel_sizes(dataset_dir: str | Path, names: list[str], role: str) -> None:
    """
    Raises:
        InputError: when data sets are known to differ in micrometres per pixel.
    """
    sizes = {name: _read_summary(dataset_dir, name).get("mpp") for name in names}
    known = {name: size for name, size in sizes.items() if size is not None}
    if len({round(size, 3) for size in known.values()}) > 1:
        pairs = ", ".join(f"{name} {size:g}" for name, size in known.items())
        raise InputError(
            f"--{role} {','.join(names)}: pixel sizes differ ({pairs} um); prepare them at one size with {PREPARE}."
        )


def _read_summary(dataset_dir: str | Path, name: str) -> dict:
    """What preparation wrote of a data set."""
    return read_object(_data_set(dataset_dir, name) / "dataset.json", f"write it again with {PREPARE}")


def check_data_set(dataset_dir: str | Path, name: str) -> None:
    """
    Args:
        dataset_dir: the folder of all prepared data sets.
        name: the data set in it.

    Raises:
        InputError: when there is no such data set.
    """
    _data_set(dataset_dir, name)


def _data_set(dataset_dir: str | Path, name: str) -> Path:
    root = Path(dataset_dir)
    folder = root / name
    if not (folder / "dataset.json").is_file():
        held = sorted(path.parent.name for path in root.glob("[!.]*/dataset.json"))
        state = f"it holds {', '.join(held)}" if held else ("it holds none" if root.is_dir() else "it does not exist")
        raise InputError(f"{root}: has no data set {name!r} ({state}); write it with {PREPARE}.")
    return folder


def _list_path(dataset_dir: str | Path, name: str, role: str, split: str | int) -> Path:
    folder = _data_set(dataset_dir, name)
    text = str(split)
    path = folder / f"{role}_{f'split_{text}' if text.isdecimal() else text}.json"
    if not path.is_file():
        held = sorted(p.stem.removeprefix(f"{role}_") for p in folder.glob(f"{role}_*.json"))
        if not held:
            raise InputError(f"{folder}: has no {role} lists, since it has no masks; choose another {role} data set.")
        raise InputError(f"{folder}: has no {role} split {text!r}; choose from {', '.join(held)}.")
    return path


def check_whole(dataset_dir: str | Path, name: str) -> None:
    """Refuses to score windows that were mirrored at the borders or overlap: a nucleus would count many times.

    Args:
        dataset_dir: the folder of all prepared data sets.
        name: the data set in it, or several with commas.

    Raises:
        InputError: when one was prepared so; also when there is no such data set.
    """
    for each in data_set_names(name):
        windows = _read_summary(dataset_dir, each).get("windows")
        if not windows or not (windows["mirror"] or windows["step"] < windows["size"]):
            continue
        raise InputError(
            f"{Path(dataset_dir) / each}: its windows repeat nuclei, so scores would be wrong; prepare the target "
            f"without --window, or with --no_mirror and no --step, under another --name: {PREPARE}."
        )


def type_names(dataset_dir: str | Path, name: str, classes: int) -> list[str]:
    """Names of a data set's cell types 1 to ``classes`` - 1; "type 3" where it does not say.

    Args:
        dataset_dir: the folder of all prepared data sets.
        name: the data set in it; of several with commas, the first names the types.
        classes: types with the background, as a network's ``out_classes``; 0 gives none.

    Raises:
        InputError: when there is no such data set.
    """
    names = _read_summary(dataset_dir, data_set_names(name)[0]).get("types", {})
    return [names.get(str(number), f"type {number}") for number in range(1, classes)]


def labelled_items(items: list[dict[str, str]]) -> list[dict[str, str]]:
    """The items that have a label, for scoring."""
    return [item for item in items if "label" in item]
