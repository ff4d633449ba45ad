"""What lies in a folder, or in a file's place, and is no content: leftovers of systems, pointers of Git LFS."""

from __future__ import annotations

from pathlib import Path

SYSTEM_NAMES = {
    "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "icon\r",
    "@eadir",
}  # fmt: skip
"""Names, in lower case, that macOS, Windows and storage boxes leave in any folder; hidden files come on top."""
_POINTER = b"version https://git-lfs.github.com/spec/"
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


def is_lfs_pointer(path: str | Path) -> bool:
    """Whether a file is the text that Git keeps in place of a large file; False where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(len(_POINTER)) == _POINTER
    except OSError:
        return False
