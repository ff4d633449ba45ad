"""A bundle as one file: hashes of what is in it, and a zip that is the same, byte for byte, every time."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

from mani_monai.utils.errors import InputError
from mani_monai.utils.folders import file_hash
from mani_monai.utils.json_files import read_object

HASHES = "hashes.json"
_METADATA = "configs/metadata.json"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
STORED = {".pt", ".ts", ".onnx"}  # numbers hardly shrink


def files_of(folder: Path) -> dict[str, Path]:
    """A folder's files by their names in it, with slashes, sorted."""
    paths = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return dict(sorted((path.relative_to(folder).as_posix(), path) for path in paths))


def check_outside(out: str | Path, held: str | Path | None = None) -> None:
    """Refuses a folder for outputs that lies within an exported bundle, or within what is exported.

    A bundle with further files is refused wherever it is opened; a training's own files would be mixed with others.

    Args:
        out: the folder for outputs.
        held: the folder of a training or a bundle that is exported, where there is one.

    Raises:
        InputError: when it lies in one of them.
    """
    try:
        place = Path(out).resolve()
        inside = held is not None and Path(held).is_dir() and place.is_relative_to(Path(held).resolve())
        bundles = [
            each for each in (place, *place.parents) if (each / HASHES).is_file() and (each / _METADATA).is_file()
        ]
    except (OSError, RuntimeError, ValueError):  # a name that no folder can have is refused where it is made
        return
    if inside or bundles:
        raise InputError(f"{out}: lies within {held if inside else bundles[0]}; name another folder with --out.")


def write_hashes(folder: Path) -> dict[str, str]:
    """Writes ``hashes.json``: the SHA-256 of every other file by its name.

    Args:
        folder: the bundle's.

    Returns:
        what it holds.
    """
    hashes = {name: file_hash(path) for name, path in files_of(folder).items() if name != HASHES}
    (folder / HASHES).write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")
    return hashes


def is_hashed(folder: Path, name: str) -> bool:
    """Whether a bundle's hashes have one of a file, so that whoever exported it wrote that.

    Args:
        folder: the bundle's.
        name: of the file in it, with slashes.

    Raises:
        InputError: when the hashes cannot be read.
    """
    return name in read_object(folder / HASHES, "bring it back from the bundle's zip, or move it away")


def write_archive(folder: Path, path: Path) -> None:
    """Writes a folder as a zip in which everything lies in one folder of its name, as MONAI's downloads do.

    Dates, permissions and order are fixed. The zip is written beside its place and moved there.

    Args:
        folder: what to pack.
        path: the zip.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with zipfile.ZipFile(partial, "w") as archive:
            for name, file in files_of(folder).items():
                entry = zipfile.ZipInfo(f"{folder.name}/{name}", EPOCH)
                entry.external_attr = 0o644 << 16
                entry.create_system = 3  # so that the permissions count, whatever system packs
                entry.compress_type = zipfile.ZIP_STORED if file.suffix in STORED else zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as into, open(file, "rb") as stream:
                    while chunk := stream.read(2**20):
                        into.write(chunk)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
