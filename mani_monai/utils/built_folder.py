"""A folder that is written beside its place and moved there whole; what a killed process left is cleared."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

_HOST = re.sub(r"\W", "", platform.node())
_OWN = re.compile(r"\.(?P<name>.+)\.(?P<host>\w*)-(?P<process>\d+)\.(?P<kind>partial|old)")


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Gives a hidden folder beside a folder's place, which is gone after the block, however that ends.

    Before, what processes left that were killed on this machine while they built the same folder is cleared; a folder
    that one of them had moved out of its place goes back.

    Args:
        folder: the place.

    Yields:
        the hidden folder, which is not made yet.
    """
    _clear(folder)
    place = folder.parent / f".{folder.name}.{_HOST}-{os.getpid()}.partial"
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def move_to(folder: Path, new: Path) -> None:
    """Puts ``new`` in the place of ``folder``, which is gone for no longer than two renames take.

    Raises:
        OSError: when it cannot be moved; ``folder`` is then as it was.
    """
    old = new.with_suffix(".old")
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    _remove(old)


def _remove(folder: Path) -> None:
    """Removes a folder, or a link to one, which stays."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _clear(folder: Path) -> None:
    for path in sorted(folder.parent.glob(f".{escape(folder.name)}.*")):
        match = _OWN.fullmatch(path.name)
        if match is None or match["name"] != folder.name or match["host"] != _HOST or _is_alive(int(match["process"])):
            continue
        if match["kind"] == "old" and not folder.exists():
            path.rename(folder)
        else:
            _remove(path)


def _is_alive(process: int) -> bool:
    """Whether a process runs; where that cannot be asked without harm, it may."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
