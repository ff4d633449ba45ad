"""What lies in a folder: files by their names, leftovers, pointers of Git LFS, hashes, and files that are whole."""

from __future__ import annotations

import errno
import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from scripts.utils.errors import InputError

SYSTEM_NAMES = {
    "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "icon\r",
    "@eadir",
}  # fmt: skip
"""Names, in lower case, that macOS, Windows and storage boxes leave in any folder; hidden files come on top."""
_CONTROLS = {"Cc", "Zl", "Zp"}
"""Unicode's categories of control characters and of separators of lines and paragraphs."""
_POINTER = b"version https://git-lfs.github.com/spec/"
SHORTEN = "shorten the name of the file that it is made of, or that of its folder"
"""The remedy for a name that is too long: one of an output is longer than its image's."""
FETCH = "is a Git LFS pointer, not the file itself; fetch it with git lfs pull"
"""What a message says of a pointer."""


def is_leftover(path: Path, top: Path | None = None) -> bool:
    """Whether a path is a system's leftover, or lies in one.

    Args:
        path: a file or folder.
        top: the folder that is searched: of its own name nothing follows; without it the last name alone counts.
    """
    parts = path.relative_to(top).parts if top is not None else (path.name,)
    return any(part.startswith(".") or part.lower() in SYSTEM_NAMES for part in parts)


def is_system_file(name: str) -> bool:
    """Whether a file's own name is that of a file which systems put beside others, and which no program reads."""
    return name.startswith("._") or name.lower() in {".ds_store", *SYSTEM_NAMES}


def is_lfs_pointer(path: str | Path) -> bool:
    """Whether a file is the text that Git keeps in place of a large file; False where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


def check_folder(path: str | Path, what: str) -> Path:
    """Returns ``path`` as a folder that exists.

    Raises:
        InputError: it does not exist or is a file.
    """
    folder = Path(str(path)).expanduser()
    try:
        is_folder = folder.is_dir()
    except PermissionError:
        raise InputError(f"{folder}: may not be read; mend the permissions of the folders above it.") from None
    if not is_folder:
        state = "is a file" if folder.is_file() else "does not exist"
        raise InputError(f"{folder}: {state}; name the folder that holds {what}.")
    return folder


def make_folder(out: Path) -> None:
    """Makes the folder for outputs, before anything is computed for nothing.

    Raises:
        InputError: when it cannot be made, or nothing can be written to it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(out, os.W_OK) else "Permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise InputError(f"{out}: cannot be written to ({reason}); name another folder with --out.")


def files_by_stem(
    folders: Sequence[Path],
    endings: tuple[str, ...],
    problems: list[str],
    stem_of: Callable[[str], str | None] = str,
    deep: bool = False,
) -> dict[str, Path]:
    """Maps the stem of every file in some folders to the file, in the order of the paths.

    Stems are in Unicode's composed form, so that an image from macOS finds its mask from elsewhere.

    Args:
        folders: leftovers of systems in them are passed over.
        endings: in lower case, with the dot.
        problems: gets a line for each stem that two files share, by :func:`on_any_disk`, the first of which stays, and
            for each file whose name cannot be written down.
        stem_of: makes an image's id of a file's stem; None passes the file over.
        deep: search the folders' subfolders, too.

    Raises:
        InputError: when a folder may not be read.
    """
    found: dict[str, Path] = {}
    first: dict[str, Path] = {}
    for folder in folders:
        for path in paths_in(folder, deep):
            name = unicodedata.normalize("NFC", path.name)
            ending = next((e for e in sorted(endings, key=len, reverse=True) if name.lower().endswith(e)), None)
            stem = None if ending is None else stem_of(name[: len(name) - len(ending)])
            if stem is None:
                continue
            if (fault := name_fault(name)) is not None:
                problems.append(f"{shown(path)}: {fault}")
            elif (other := first.setdefault(on_any_disk(stem), path)) != path:
                problems.append(twin_fault(path, other))
            else:
                found[stem] = path
    return found


def paths_in(folder: Path, deep: bool = False) -> list[Path]:
    """The files of a folder in order, without leftovers of systems, pipes, sockets and devices.

    Args:
        folder: where they lie.
        deep: search its subfolders, too.

    Raises:
        InputError: when it may not be read.
    """
    try:
        paths = sorted(folder.rglob("*") if deep else folder.iterdir())
        return [path for path in paths if not is_leftover(path, folder) and (path.is_file() or not path.exists())]
    except PermissionError as error:
        place = error.filename or folder
        raise InputError(f"{place}: may not be read; mend the folder's permissions.") from None


def on_any_disk(name: str) -> str:
    """A name as disks compare it that pass over case and Unicode's forms, as those of macOS and Windows do."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def twin_fault(path: Path, other: Path) -> str:
    """The line on a file whose outputs would take the place of another file's, by :func:`on_any_disk`."""
    forms = [unicodedata.normalize("NFC", each.stem) for each in (path, other)]
    if forms[0] == forms[1] or on_any_disk(path.stem) != on_any_disk(other.stem):
        return f"{path}: stands for the same image as {other}; rename or remove one of the two."
    return f"{path}: differs from {other} in case alone, which many disks pass over; rename one of the two."


def name_fault(name: str) -> str | None:
    """Why a file's name can stand in no table and in no line, with the remedy; None where it can."""
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return "has a name that is not UTF-8; rename it."
    if any(unicodedata.category(letter) in _CONTROLS for letter in name):
        return "has a name with a line break or another control character; rename it."
    return None


def shown(path: Path | str) -> str:
    """A path that can be printed and written: bytes that are no text are escaped, and so are control characters."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in _CONTROLS else letter
        for letter in text
    )


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


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
    partial = path.with_name(f".{os.urandom(4).hex()}.{path.name}")  # other machines have this process's number, too
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = SHORTEN if error.errno == errno.ENAMETOOLONG else "free some space, or choose another folder"
        raise InputError(f"{path}: cannot be written ({reason}); {remedy}.") from error
    finally:
        with suppress(OSError):  # it is in its place, or its name is too long to be asked after
            partial.unlink()
