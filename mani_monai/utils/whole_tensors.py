"""Read a file of tensors of which nothing was lost: PyTorch writes checksums and does not look at them.

It is no part of :mod:`mani_monai.utils.files`, which bundles carry: an inspection refuses code that imports zipfile.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mani_monai.utils.errors import InputError
from mani_monai.utils.files import load_tensors


def load_whole(path: str | Path) -> Mapping[str, Any]:
    """Reads a file of tensors as :func:`mani_monai.utils.files.load_tensors` does, where it is whole.

    Args:
        path: a file of PyTorch; those of versions before 1.6 have no checksums.

    Raises:
        InputError: when the file is missing, is not such a file, or a part of it differs from its checksum.
    """
    content = load_tensors(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as parts:
            damaged = parts.testzip()
        if damaged:
            raise InputError(f"{path}: is damaged ({damaged} differs from its checksum); copy it again.")
    return content
