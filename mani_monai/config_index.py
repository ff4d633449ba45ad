"""The bundles' configs by name: where each lies, and what it says of itself."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.places import folder_of

BUNDLES = folder_of("bundles")
SHARED = "shared"
"""The folder beside the bundles with what they have in common."""
KINDS = {
    "": "complete configs and further stages",
    "budgets": "how long and how wide a training is",
    "methods": "what adapts a training",
    "variants": "other settings of MaNi and of a training",
    "steps": "what follows a training, or changes its evaluation",
}
"""Folders below a bundle's ``configs`` and what their files are for."""
DESCRIPTION = "_desc_"
FORMER = {
    "recommended": "the recommended recipe is stain_adabn; what had this name is mean_teacher_stain_augmentation",
}
"""Names that configs had before, and what to write instead."""


@dataclass(frozen=True)
class ConfigEntry:
    """A config as a list shows it.

    Attributes:
        name: its file's name without suffix.
        kind: the folder below ``configs`` that it lies in, one of ``KINDS``.
        owner: the bundle's name, or ``SHARED``.
        path: the file.
        description: what it says of itself, one line.
    """

    name: str
    kind: str
    owner: str
    path: Path
    description: str


def find_config(bundle: str | Path, name: str) -> Path:
    """The file of a bundle's config.

    Args:
        bundle: the bundle's folder.
        name: such as ``small`` or ``small.json``, or ``budgets/small``.

    Returns:
        the file in the bundle's ``configs``, in one of its folders, or in those that all bundles share.

    Raises:
        InputError: when there is none; it names the nearest one, or what a former name has become.
    """
    stem = str(name).removesuffix(".json")
    for configs in _config_folders(Path(bundle)):
        for path in (configs / f"{stem}.json", *(configs / kind / f"{stem}.json" for kind in KINDS if kind)):
            if path.is_file():
                return path
    if stem in FORMER:
        raise InputError(f"{name}: is no config any more; {FORMER[stem]}.")
    known = {entry.name for entry in list_configs(bundle)}
    near = difflib.get_close_matches(stem.lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known)) or 'none'}."
    raise InputError(f"{name}: {Path(bundle).name} has no such config; {hint}")


def list_configs(bundle: str | Path) -> list[ConfigEntry]:
    """A bundle's configs that describe themselves, by kind and name; those that bundles share are among them."""
    entries = (entry for configs in _config_folders(Path(bundle)) for entry in _described(configs))
    kinds = list(KINDS)
    return sorted(entries, key=lambda entry: (kinds.index(entry.kind), entry.name))


def bundle_folders(bundles: Path = BUNDLES) -> list[Path]:
    """The folders of the bundles that train, by name."""
    return sorted(path.parents[1] for path in bundles.glob("*/configs/train.json"))


def _config_folders(bundle: Path) -> tuple[Path, Path]:
    return bundle / "configs", bundle.absolute().parent / SHARED / "configs"


def _described(configs: Path) -> Iterator[ConfigEntry]:
    for kind in KINDS:
        for path in (configs / kind).glob("*.json"):
            content = json.loads(path.read_text(encoding="utf-8"))
            if DESCRIPTION in content:
                yield ConfigEntry(path.stem, kind, configs.parent.name, path, content[DESCRIPTION])
