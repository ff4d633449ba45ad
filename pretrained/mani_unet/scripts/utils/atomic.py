"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Gives a name beside ``path`` to write to, which takes the place of ``path`` once the block ends without error.

    Args:
        path: the file to be; its folder is made.

    Yields:
        a hidden name in the same folder with the same ending, which tells writers the format.

    Raises:
        InputError: when the folder or the file cannot be written; an older file is then as it was.
    """
    path = Path(path)
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot be written ({reason}); free some space, or choose another folder.") from error
    finally:
        if partial.exists():
            partial.unlink()
