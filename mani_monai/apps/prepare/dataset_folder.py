"""The place of a data set's folder."""

from __future__ import annotations

import re
from pathlib import Path

from mani_monai.utils import InputError


def place_of(out: Path, name: str, overwrite: bool) -> Path:
    """Where a data set goes.

    Args:
        out: the folder of all data sets.
        name: the data set's.
        overwrite: replace an older one.

    Raises:
        InputError: a name that is no folder name, or a place that is taken or may not be looked at.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise InputError(f"--name {name!r}: use letters, digits, '_', '-' and '.' only.")
    folder = out / name
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is a file; choose another --name or --out.")
        if folder.is_dir() and any(folder.iterdir()):
            if not (folder / "dataset.json").is_file():
                raise InputError(
                    f"{folder}: holds something that was not prepared here; choose another --name or --out."
                )
            if not overwrite:
                raise InputError(
                    f"{folder}: is there already; pass --overwrite to replace it, or choose another --name."
                )
    except PermissionError as error:
        raise InputError(f"{folder}: may not be looked at ({error.strerror}); choose another --out.") from error
    return folder
